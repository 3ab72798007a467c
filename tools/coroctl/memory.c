/* Answers requests from memory. The object's note leads to a table of its structures (layout.h), so
 * this knows no offset itself. What is read may be half made, or nonsense: nothing is followed
 * without a bound. */
#include "tools/coroctl/memory.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"
#include "runtime/co_info.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/layout.h"

#define THREADS_MAX (1U << 23)
#define MODE_ACTIVE 1 /* enum runtime_mode */

/* The registers of SWITCH_RBX and those behind it. */
static const uint8_t switch_registers[FIELDS - SWITCH_REGISTERS] = {
    REGISTER_RBX,     REGISTER_RBP, REGISTER_R15 - 3, REGISTER_R15 - 2,
    REGISTER_R15 - 1, REGISTER_R15, REGISTER_RIP,
};

struct thread_at {
    uint64_t id, address;
};

/* In the order of their ids. */
struct thread_list {
    struct thread_at *items;
    size_t count;
};

static struct {
    const struct memory_kind *kind;
    uint64_t runtime;
    uint64_t now_ns;
    pid_t carrier_tid;
    struct thread_list coroutines, unstarted;
} memory;

static bool read_all(uint64_t address, void *to, size_t bytes)
{
    return memory.kind->read(address, to, bytes) == bytes;
}

static uint64_t runtime_value(enum field field)
{
    uint64_t value = 0;
    size_t bytes = layout[field].bytes;

    memory.kind->read(memory.runtime + layout[field].offset, &value,
                      bytes < sizeof(value) ? bytes : sizeof(value));
    return value;
}

/* Walks the list that @head of the runtime begins, whose ids ascend: one that doesn't, or breaks off, ends there. */
static void find_threads(enum field head, enum field node, enum field id, struct thread_list *found)
{
    uint64_t end = memory.runtime + layout[head].offset, link, last = 0;
    size_t room = 0;

    if (!read_all(end, &link, sizeof(link)))
        return;
    while (link != end && found->count < THREADS_MAX) {
        struct thread_at thread = { .address = link - layout[node].offset };

        if (!read_all(thread.address + layout[id].offset, &thread.id, sizeof(thread.id)) ||
            thread.id <= last)
            break;
        if (found->count == room) {
            room = room * 2 + 64;
            found->items = reallocarray(found->items, room, sizeof(*found->items));
            if (found->items == NULL)
                error(EXIT_FAILED, errno, "memory for %zu threads", room);
        }
        found->items[found->count++] = thread;
        last = thread.id;
        if (!read_all(link, &link, sizeof(link)))
            break;
    }
}

int memory_open(const struct memory_kind *kind)
{
    uint64_t note;
    int code;

    memory.kind = kind;
    if (!image_find_note(CO_LAYOUT_OWNER, &note)) {
        error(0, 0, "%s: there is no coroshim in %s", kind->what,
              kind->truncated ? "what is left of it" : "it");
        return kind->truncated ? EXIT_FAILED : EXIT_NO_PROCESS;
    }
    code = layout_read(kind, note, &memory.runtime);
    if (code != EXIT_OK)
        return code;
    if ((uint32_t)runtime_value(RUNTIME_MODE) != MODE_ACTIVE) {
        error(0, 0, "%s: it ran natively, or had not started a thread yet", kind->what);
        return EXIT_NO_PROCESS;
    }
    memory.carrier_tid = (pid_t)runtime_value(CARRIER_TID);
    memory.now_ns = kind->now_ns();
    if (memory.now_ns == 0)
        memory.now_ns = runtime_value(RUNTIME_COARSE_NS);
    find_threads(RUNTIME_ALL, CO_ALL, CO_ID, &memory.coroutines);
    if (layout_has_unstarted())
        find_threads(RUNTIME_UNSTARTED, UNSTARTED_LINK, UNSTARTED_ID, &memory.unstarted);
    return EXIT_OK;
}

/* As runtime/describe.c. A mutex passes on while others wait, so its word tells its owner. */
static void describe_wait(const unsigned char *co, struct co_info *info)
{
    uint32_t lock[3], rwlock[7];

    info->wait_kind =
        info->state == CO_PARKED ? (uint32_t)layout_value(co, CO_WAIT_KIND) : WAIT_NONE;
    if (info->wait_kind == WAIT_NONE)
        return;
    if (info->wait_kind == WAIT_READ || info->wait_kind == WAIT_WRITE ||
        info->wait_kind == WAIT_POLL || info->wait_kind == WAIT_CHILD)
        info->wait_fd = (int32_t)layout_value(co, CO_WAIT_FD);
    if (info->wait_kind == WAIT_OFFLOAD)
        info->wait_nr = (uint32_t)layout_value(co, CO_WAIT_NR);
    info->wait_count = (uint32_t)layout_value(co, CO_WAIT_COUNT);
    info->wait_addr = layout_value(co, CO_WAIT_ADDR);
    info->wait_owner_tid = (uint32_t)layout_value(co, CO_WAIT_TID);
    info->wait_pid = (int32_t)layout_value(co, CO_WAIT_PID);
    if (info->wait_kind == WAIT_MUTEX && info->wait_owner_tid != 0 &&
        read_all(info->wait_addr, lock, sizeof(lock)))
        info->wait_owner_tid = lock[2];
    if (info->wait_kind == WAIT_RWLOCK && read_all(info->wait_addr, rwlock, sizeof(rwlock))) {
        info->wait_owner_tid = rwlock[6];
        info->wait_count = rwlock[0] & 1 ? 0 : rwlock[0] >> 3;
    }
    if (layout_value(co, CO_TIMER_POSITION) != 0) {
        uint64_t deadline = layout_value(co, CO_DEADLINE);

        info->wait_left_ns = deadline > memory.now_ns ? deadline - memory.now_ns : 0;
        info->wait_over_ns = deadline < memory.now_ns ? memory.now_ns - deadline : 0;
    }
}

static void take_name(const unsigned char *copy, enum field name, struct co_info *info)
{
    size_t bytes = layout[name].bytes;

    if (bytes >= sizeof(info->name))
        bytes = sizeof(info->name) - 1;
    memcpy(info->name, copy + layout[name].offset, bytes);
}

static void take_since(uint64_t since, struct co_info *info)
{
    info->state_ns = memory.now_ns > since ? memory.now_ns - since : 0;
}

/* As runtime/unstarted.c. */
static void describe_unstarted(const unsigned char *thread, struct co_info *info)
{
    info->creator_id = layout_value(thread, UNSTARTED_CREATOR_ID);
    info->state = CO_NEW;
    take_since(layout_value(thread, UNSTARTED_SINCE_NS), info);
    take_name(thread, UNSTARTED_NAME, info);
}

static void describe_co(const unsigned char *co, struct co_info *info)
{
    uint64_t sp = layout_value(co, CO_SP);

    info->creator_id = layout_value(co, CO_CREATOR_ID);
    info->tid = (uint32_t)layout_value(co, CO_TID);
    info->state = (uint32_t)layout_value(co, CO_STATE);
    take_since(layout_value(co, CO_SINCE_NS), info);
    info->cpu_ns = layout_value(co, CO_CPU_NS);
    info->slices = layout_value(co, CO_SLICES);
    info->preemptions = layout_value(co, CO_PREEMPTIONS);
    info->waits = layout_value(co, CO_WAITS);
    info->io_calls = (uint32_t)(layout_value(co, CO_CALLS_BEFORE) + layout_value(co, CO_CALLS));
    info->own_selfishness = layout_value(co, CO_SELFISHNESS) != 0;
    info->selfishness = info->own_selfishness ? (uint32_t)layout_value(co, CO_SELFISHNESS)
                                              : (uint32_t)runtime_value(RUNTIME_SELFISHNESS);
    info->stack_base = layout_value(co, CO_STACK_BASE);
    info->stack_bytes = layout_value(co, CO_STACK_BYTES);
    if (sp - info->stack_base < info->stack_bytes)
        info->stack_used_bytes = info->stack_base + info->stack_bytes - sp;
    take_name(co, CO_NAME, info);
    describe_wait(co, info);
}

/* The place of the first one with an id beyond @id. */
static size_t place_after(const struct thread_list *list, uint64_t id)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list->items[middle].id <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* False when it can't be read. */
static bool describe(const struct thread_at *thread, bool started, struct co_info *info)
{
    unsigned char copy[LAYOUT_CO_MAX];

    if (!read_all(thread->address, copy, layout[started ? CO : UNSTARTED].bytes))
        return false;
    memset(info, 0, sizeof(*info));
    info->id = thread->id;
    info->wait_fd = -1;
    info->wait_nr = UINT32_MAX;
    info->wait_left_ns = UINT64_MAX;
    (started ? describe_co : describe_unstarted)(copy, info);
    return true;
}

/* Those that were started and those that were not, in the order of their ids. */
static void answer_list(struct connection *connection, const struct list_request *request)
{
    const struct thread_list *all = &memory.coroutines, *others = &memory.unstarted;
    struct list_reply *reply = (struct list_reply *)connection->body;
    struct co_info *info = (struct co_info *)(reply + 1);
    size_t room = (sizeof(connection->body) - sizeof(*reply)) / sizeof(*info);
    size_t i = place_after(all, request->after_id), j = place_after(others, request->after_id);

    *reply = (struct list_reply){ .record_bytes = sizeof(*info) };
    while (reply->count < room && (i < all->count || j < others->count)) {
        bool started =
            j == others->count || (i < all->count && all->items[i].id < others->items[j].id);

        if (describe(started ? &all->items[i++] : &others->items[j++], started, info)) {
            info++;
            reply->count++;
        }
    }
    connection->flags = i < all->count || j < others->count ? FRAME_MORE : 0;
    connection->body_bytes = (uint32_t)((unsigned char *)info - connection->body);
}

static void take_registers(const unsigned char *co, struct co_stack_info *info)
{
    uint64_t sp = layout_value(co, CO_SP);
    unsigned char saved[LAYOUT_SWITCH_MAX];

    if (info->state == CO_RUNNING) {
        if (!memory.kind->registers(memory.carrier_tid, info->registers))
            info->registers[REGISTER_RIP] = 0;
        return;
    }
    if (!read_all(sp, saved, layout[SWITCH].bytes))
        return;
    for (size_t i = SWITCH_REGISTERS; i < FIELDS; i++)
        info->registers[switch_registers[i - SWITCH_REGISTERS]] =
            layout_value(saved, (enum field)i);
    info->registers[REGISTER_RSP] = sp + layout[SWITCH].bytes;
}

/* One record behind @at, with at most @max bytes of its stack. Returns its size. */
static size_t put_stack(const struct thread_at *coroutine, unsigned char *at, size_t max)
{
    struct co_stack_info *info = (struct co_stack_info *)at;
    unsigned char co[LAYOUT_CO_MAX];
    uint64_t base, bytes, sp;

    memset(info, 0, sizeof(*info));
    info->id = coroutine->id;
    if (!read_all(coroutine->address, co, layout[CO].bytes))
        return sizeof(*info);
    info->state = (uint32_t)layout_value(co, CO_STATE);
    info->slices = layout_value(co, CO_SLICES);
    take_registers(co, info);
    sp = info->registers[REGISTER_RSP];
    base = layout_value(co, CO_STACK_BASE);
    bytes = layout_value(co, CO_STACK_BYTES);
    if (sp - base < bytes && base + bytes - sp < max)
        max = base + bytes - sp;
    if (info->registers[REGISTER_RIP] != 0)
        info->memory_bytes = (uint32_t)memory.kind->read(sp, info + 1, max);
    return sizeof(*info) + align_up(info->memory_bytes, sizeof(uint64_t));
}

static void answer_stacks(struct connection *connection, const struct stacks_request *request)
{
    struct stacks_reply *reply = (struct stacks_reply *)connection->body;
    size_t used = sizeof(*reply), max = request->max_stack_bytes;
    const struct thread_list *all = &memory.coroutines;
    size_t i = place_after(all, request->only_id != 0 ? request->only_id - 1 : request->after_id);

    *reply = (struct stacks_reply){ .info_bytes = sizeof(struct co_stack_info) };
    image_bounds(memory.runtime, &reply->own_start, &reply->own_end);
    for (; i < all->count; i++) {
        if (request->only_id != 0 && all->items[i].id != request->only_id)
            break;
        if (sizeof(connection->body) - used < sizeof(struct co_stack_info) + max + sizeof(uint64_t))
            break;
        used += put_stack(&all->items[i], connection->body + used, max);
        reply->count++;
    }
    connection->flags = i < all->count && request->only_id == 0 ? FRAME_MORE : 0;
    connection->body_bytes = (uint32_t)used;
}

static void answer_memory(struct connection *connection, const struct memory_request *request)
{
    size_t bytes = request->bytes < MEMORY_MAX ? request->bytes : MEMORY_MAX;

    connection->flags = 0;
    connection->body_bytes = (uint32_t)memory.kind->read(request->address, connection->body, bytes);
}

static void answer_hello(struct connection *connection)
{
    struct hello_reply *reply = (struct hello_reply *)connection->body;

    *reply = (struct hello_reply){ .magic = PROTOCOL_MAGIC, .version = PROTOCOL_VERSION };
    connection->flags = 0;
    connection->body_bytes = sizeof(*reply);
}

int memory_answer(struct connection *connection, enum frame_type type, const void *request)
{
    switch (type) {
    case FRAME_HELLO:
        answer_hello(connection);
        return EXIT_OK;
    case FRAME_LIST:
        answer_list(connection, request);
        return EXIT_OK;
    case FRAME_STACKS:
        answer_stacks(connection, request);
        return EXIT_OK;
    case FRAME_MEMORY:
        answer_memory(connection, request);
        return EXIT_OK;
    default:
        error(0, 0, "%s: it can't be asked for that, its memory shows threads and stacks alone",
              memory.kind->what);
        return EXIT_FAILED;
    }
}
