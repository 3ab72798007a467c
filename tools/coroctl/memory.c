/* Answers requests from memory. The object's note leads to a table of its structures (co_layout.h), so
 * this knows no offset itself. What is read may be half made, or nonsense: nothing is followed
 * without a bound. */
#include "tools/coroctl/memory.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"
#include "runtime/co_info.h"
#include "runtime/co_layout.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/image.h"

#define THREADS_MAX (1U << 23)
#define FIELDS_MAX  1024
#define CO_MAX      16384 /* bytes of a struct co */
#define MODE_ACTIVE 1     /* enum runtime_mode */

/* The rows of co_layout's table that this reads. */
enum field {
    RUNTIME_MODE,
    RUNTIME_ALL,
    RUNTIME_COARSE_NS,
    RUNTIME_SELFISHNESS,
    CARRIER_TID,
    CO,
    CO_ALL,
    CO_ID,
    CO_CREATOR_ID,
    CO_TID,
    CO_STATE,
    CO_NAME,
    CO_SP,
    CO_SINCE_NS,
    CO_CPU_NS,
    CO_SLICES,
    CO_PREEMPTIONS,
    CO_WAITS,
    CO_CALLS,
    CO_CALLS_BEFORE,
    CO_SELFISHNESS,
    CO_STACK_BASE,
    CO_STACK_BYTES,
    CO_WAIT_KIND,
    CO_WAIT_FD,
    CO_WAIT_COUNT,
    CO_WAIT_TID,
    CO_WAIT_PID,
    CO_WAIT_NR,
    CO_WAIT_ADDR,
    CO_DEADLINE,
    CO_TIMER_POSITION,
    SWITCH,
    SWITCH_REGISTERS, /* to the end */
    SWITCH_RBX = SWITCH_REGISTERS,
    SWITCH_RBP,
    SWITCH_R12,
    SWITCH_R13,
    SWITCH_R14,
    SWITCH_R15,
    SWITCH_RIP,
    FIELDS
};

static const char *const field_names[FIELDS] = {
    "runtime.mode",
    "runtime.all",
    "runtime.coarse_ns",
    "runtime.selfishness",
    "runtime.carrier.kernel_tid",
    "co",
    "co.all",
    "co.id",
    "co.creator_id",
    "co.tid",
    "co.state",
    "co.name",
    "co.sp",
    "co.since_ns",
    "co.cpu_ns",
    "co.slices",
    "co.preemptions",
    "co.waits",
    "co.calls",
    "co.calls_before",
    "co.selfishness",
    "co.stack_base",
    "co.stack_bytes",
    "co.wait.kind",
    "co.wait.fd",
    "co.wait.count",
    "co.wait.tid",
    "co.wait.pid",
    "co.wait.nr",
    "co.wait.addr",
    "co.timer.deadline_ns",
    "co.timer.position",
    "switch",
    "switch.rbx",
    "switch.rbp",
    "switch.r12",
    "switch.r13",
    "switch.r14",
    "switch.r15",
    "switch.rip",
};

/* The registers of SWITCH_RBX and those behind it. */
static const uint8_t switch_registers[FIELDS - SWITCH_REGISTERS] = {
    REGISTER_RBX,     REGISTER_RBP, REGISTER_R15 - 3, REGISTER_R15 - 2,
    REGISTER_R15 - 1, REGISTER_R15, REGISTER_RIP,
};

struct coroutine {
    uint64_t id, address;
};

static struct {
    const struct memory_kind *kind;
    struct co_field fields[FIELDS]; /* bytes 0: the object has none */
    uint64_t runtime;
    uint64_t now_ns;
    pid_t carrier_tid;
    struct coroutine *coroutines; /* in the order of their ids */
    size_t count;
} memory;

static bool read_all(uint64_t address, void *to, size_t bytes)
{
    return memory.kind->read(address, to, bytes) == bytes;
}

/* The value of @field in a copy of the structure that it is in. */
static uint64_t value_in(const unsigned char *copy, enum field field)
{
    uint64_t value = 0;
    size_t bytes = memory.fields[field].bytes;

    memcpy(&value, copy + memory.fields[field].offset,
           bytes < sizeof(value) ? bytes : sizeof(value));
    return value;
}

static uint64_t runtime_value(enum field field)
{
    uint64_t value = 0;
    size_t bytes = memory.fields[field].bytes;

    memory.kind->read(memory.runtime + memory.fields[field].offset, &value,
                      bytes < sizeof(value) ? bytes : sizeof(value));
    return value;
}

static void take_field(const struct co_field *row)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (strncmp(row->name, field_names[i], sizeof(row->name)) == 0)
            memory.fields[i] = *row;
}

/* Whether all that is needed is there and within bounds. */
static bool fields_fit(void)
{
    for (size_t i = 0; i < FIELDS; i++) {
        const struct co_field *field = &memory.fields[i];
        size_t within = i < CO ? FIELDS_MAX * FIELDS_MAX : memory.fields[CO].bytes;

        if (i >= SWITCH)
            within = FIELDS_MAX;
        if (field->bytes == 0 || field->bytes > within || field->offset > within - field->bytes)
            return false;
    }
    return memory.fields[CO].bytes <= CO_MAX;
}

static int fail_layout(const char *why)
{
    error(0, 0, "%s: %s", memory.kind->what, why);
    return EXIT_PROTOCOL;
}

static int read_layout(uint64_t note)
{
    struct co_layout layout;
    int64_t distance;
    unsigned char row[FIELDS_MAX] = { 0 };
    uint64_t at;

    if (!read_all(note, &distance, sizeof(distance)) ||
        !read_all(note + (uint64_t)distance, &layout, sizeof(layout)) ||
        layout.magic != CO_LAYOUT_MAGIC)
        return fail_layout("coroshim's memory can't be read");
    if (layout.version != CO_LAYOUT_VERSION || layout.field_count > FIELDS_MAX ||
        layout.field_bytes < sizeof(struct co_field) || layout.field_bytes > sizeof(row))
        return fail_layout("another release of coroshim: use the coroctl that belongs to it");
    at = note + (uint64_t)distance + sizeof(layout);
    for (uint32_t i = 0; i < layout.field_count; i++, at += layout.field_bytes) {
        if (!read_all(at, row, layout.field_bytes))
            return fail_layout("coroshim's memory can't be read");
        take_field((const struct co_field *)row);
    }
    memory.runtime = (uint64_t)layout.runtime;
    return fields_fit() ? EXIT_OK : fail_layout("another release of coroshim");
}

/* Walks the list, whose ids ascend: a list that doesn't, or breaks off, ends there. */
static void find_coroutines(void)
{
    uint64_t head = memory.runtime + memory.fields[RUNTIME_ALL].offset, link, id;
    uint64_t last = 0;
    size_t room = 0;

    if (!read_all(head, &link, sizeof(link)))
        return;
    while (link != head && memory.count < THREADS_MAX) {
        uint64_t address = link - memory.fields[CO_ALL].offset;

        if (!read_all(address + memory.fields[CO_ID].offset, &id, sizeof(id)) || id <= last)
            break;
        if (memory.count == room) {
            room = room * 2 + 64;
            memory.coroutines = reallocarray(memory.coroutines, room, sizeof(*memory.coroutines));
            if (memory.coroutines == NULL)
                error(EXIT_FAILED, errno, "memory for %zu threads", room);
        }
        memory.coroutines[memory.count++] = (struct coroutine){ id, address };
        last = id;
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
    code = read_layout(note);
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
    find_coroutines();
    return EXIT_OK;
}

/* As runtime/describe.c. A mutex passes on while others wait, so its word tells its owner. */
static void describe_wait(const unsigned char *co, struct co_info *info)
{
    uint32_t lock[3], rwlock[7];

    info->wait_kind = info->state == CO_PARKED ? (uint32_t)value_in(co, CO_WAIT_KIND) : WAIT_NONE;
    info->wait_fd = -1;
    info->wait_nr = UINT32_MAX;
    info->wait_left_ns = UINT64_MAX;
    if (info->wait_kind == WAIT_NONE)
        return;
    if (info->wait_kind == WAIT_READ || info->wait_kind == WAIT_WRITE ||
        info->wait_kind == WAIT_POLL || info->wait_kind == WAIT_CHILD)
        info->wait_fd = (int32_t)value_in(co, CO_WAIT_FD);
    if (info->wait_kind == WAIT_OFFLOAD)
        info->wait_nr = (uint32_t)value_in(co, CO_WAIT_NR);
    info->wait_count = (uint32_t)value_in(co, CO_WAIT_COUNT);
    info->wait_addr = value_in(co, CO_WAIT_ADDR);
    info->wait_owner_tid = (uint32_t)value_in(co, CO_WAIT_TID);
    info->wait_pid = (int32_t)value_in(co, CO_WAIT_PID);
    if (info->wait_kind == WAIT_MUTEX && info->wait_owner_tid != 0 &&
        read_all(info->wait_addr, lock, sizeof(lock)))
        info->wait_owner_tid = lock[2];
    if (info->wait_kind == WAIT_RWLOCK && read_all(info->wait_addr, rwlock, sizeof(rwlock))) {
        info->wait_owner_tid = rwlock[6];
        info->wait_count = rwlock[0] & 1 ? 0 : rwlock[0] >> 3;
    }
    if (value_in(co, CO_TIMER_POSITION) != 0) {
        uint64_t deadline = value_in(co, CO_DEADLINE);

        info->wait_left_ns = deadline > memory.now_ns ? deadline - memory.now_ns : 0;
        info->wait_over_ns = deadline < memory.now_ns ? memory.now_ns - deadline : 0;
    }
}

static void describe(const unsigned char *co, struct co_info *info)
{
    uint64_t since = value_in(co, CO_SINCE_NS), sp = value_in(co, CO_SP);
    size_t name_bytes = memory.fields[CO_NAME].bytes;

    info->creator_id = value_in(co, CO_CREATOR_ID);
    info->tid = (uint32_t)value_in(co, CO_TID);
    info->state = (uint32_t)value_in(co, CO_STATE);
    info->state_ns = memory.now_ns > since ? memory.now_ns - since : 0;
    info->cpu_ns = value_in(co, CO_CPU_NS);
    info->slices = value_in(co, CO_SLICES);
    info->preemptions = value_in(co, CO_PREEMPTIONS);
    info->waits = value_in(co, CO_WAITS);
    info->io_calls = (uint32_t)(value_in(co, CO_CALLS_BEFORE) + value_in(co, CO_CALLS));
    info->own_selfishness = value_in(co, CO_SELFISHNESS) != 0;
    info->selfishness = info->own_selfishness ? (uint32_t)value_in(co, CO_SELFISHNESS)
                                              : (uint32_t)runtime_value(RUNTIME_SELFISHNESS);
    info->stack_base = value_in(co, CO_STACK_BASE);
    info->stack_bytes = value_in(co, CO_STACK_BYTES);
    if (sp - info->stack_base < info->stack_bytes)
        info->stack_used_bytes = info->stack_base + info->stack_bytes - sp;
    if (name_bytes >= sizeof(info->name))
        name_bytes = sizeof(info->name) - 1;
    memcpy(info->name, co + memory.fields[CO_NAME].offset, name_bytes);
    describe_wait(co, info);
}

static bool copy_co(const struct coroutine *coroutine, unsigned char *copy)
{
    return read_all(coroutine->address, copy, memory.fields[CO].bytes);
}

/* The place of the first one with an id beyond @id. */
static size_t place_after(uint64_t id)
{
    size_t low = 0, high = memory.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memory.coroutines[middle].id <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void answer_list(struct connection *connection, const struct list_request *request)
{
    struct list_reply *reply = (struct list_reply *)connection->body;
    struct co_info *info = (struct co_info *)(reply + 1);
    size_t room = (sizeof(connection->body) - sizeof(*reply)) / sizeof(*info);
    unsigned char co[CO_MAX];
    size_t i = place_after(request->after_id);

    *reply = (struct list_reply){ .record_bytes = sizeof(*info) };
    for (; i < memory.count && reply->count < room; i++) {
        memset(info, 0, sizeof(*info));
        info->id = memory.coroutines[i].id;
        if (!copy_co(&memory.coroutines[i], co))
            continue;
        describe(co, info++);
        reply->count++;
    }
    connection->flags = i < memory.count ? FRAME_MORE : 0;
    connection->body_bytes = (uint32_t)((unsigned char *)info - connection->body);
}

static void take_registers(const unsigned char *co, struct co_stack_info *info)
{
    uint64_t sp = value_in(co, CO_SP);
    unsigned char saved[FIELDS_MAX];

    if (info->state == CO_RUNNING) {
        if (!memory.kind->registers(memory.carrier_tid, info->registers))
            info->registers[REGISTER_RIP] = 0;
        return;
    }
    if (!read_all(sp, saved, memory.fields[SWITCH].bytes))
        return;
    for (size_t i = SWITCH_REGISTERS; i < FIELDS; i++)
        info->registers[switch_registers[i - SWITCH_REGISTERS]] = value_in(saved, (enum field)i);
    info->registers[REGISTER_RSP] = sp + memory.fields[SWITCH].bytes;
}

/* One record behind @at, with at most @max bytes of its stack. Returns its size. */
static size_t put_stack(const struct coroutine *coroutine, unsigned char *at, size_t max)
{
    struct co_stack_info *info = (struct co_stack_info *)at;
    unsigned char co[CO_MAX];
    uint64_t base, bytes, sp;

    memset(info, 0, sizeof(*info));
    info->id = coroutine->id;
    if (!copy_co(coroutine, co))
        return sizeof(*info);
    info->state = (uint32_t)value_in(co, CO_STATE);
    info->slices = value_in(co, CO_SLICES);
    take_registers(co, info);
    sp = info->registers[REGISTER_RSP];
    base = value_in(co, CO_STACK_BASE);
    bytes = value_in(co, CO_STACK_BYTES);
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
    size_t i = place_after(request->only_id != 0 ? request->only_id - 1 : request->after_id);

    *reply = (struct stacks_reply){ .info_bytes = sizeof(struct co_stack_info) };
    image_bounds(memory.runtime, &reply->own_start, &reply->own_end);
    for (; i < memory.count; i++) {
        if (request->only_id != 0 && memory.coroutines[i].id != request->only_id)
            break;
        if (sizeof(connection->body) - used < sizeof(struct co_stack_info) + max + sizeof(uint64_t))
            break;
        used += put_stack(&memory.coroutines[i], connection->body + used, max);
        reply->count++;
    }
    connection->flags = i < memory.count && request->only_id == 0 ? FRAME_MORE : 0;
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
