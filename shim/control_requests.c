/* What the control socket's requests mean: one row and one function per request type.
 *
 * A handler reads a body that is at least as long as its row says and fills client->out, which is
 * empty; it runs on the monitor, so it takes no lock for longer than a bounded time. */
#include "runtime/co_info.h"
#include "runtime/lock_site.h"
#include "runtime/mem.h"
#include "runtime/stack_info.h"
#include "runtime/stat.h"
#include "runtime/sys.h"
#include "shim/conf.h"
#include "shim/control_internal.h"
#include "shim/log.h"
#include "shim/version.h"

#include <linux/fcntl.h>

#define LIST_RECORDS_MAX ((FRAME_REPLY_MAX - sizeof(struct list_reply)) / sizeof(struct co_info))

#define HELD_AT_A_TIME 64

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char end[] __attribute__((visibility("hidden"))); /* the linker's: of our object */

struct request {
    uint16_t type;
    uint32_t body_bytes; /* at least */
    void (*answer)(struct control_client *client, const void *body);
};

void *control_reply(struct control_client *client, uint16_t type, uint16_t flags, uint32_t bytes)
{
    struct frame_header *header = (struct frame_header *)client->out;

    header->length = bytes;
    header->type = type;
    header->flags = flags;
    client->out_used = sizeof(*header) + bytes;
    client->out_sent = 0;
    return memset(header + 1, 0, bytes);
}

void control_refuse(struct control_client *client, enum protocol_error code, uint16_t request,
                    const char *text)
{
    struct error_reply *body = control_reply(client, FRAME_ERROR, 0, sizeof(*body));

    body->code = code;
    body->request = request;
    text_copy(body->text, text, sizeof(body->text));
}

static void read_program_name(char *name, size_t size)
{
    long fd = sys4(__NR_openat, AT_FDCWD, "/proc/self/comm", O_RDONLY | O_CLOEXEC, 0);
    long length;

    if (fd < 0)
        return;
    length = sys3(__NR_read, fd, name, size - 1);
    sys1(__NR_close, fd);
    if (length > 0 && name[length - 1] == '\n')
        length--;
    name[length > 0 ? length : 0] = '\0';
}

static void answer_hello(struct control_client *client, const void *body)
{
    const struct hello_request *hello = body;
    bool matches = hello->magic == PROTOCOL_MAGIC && hello->version == PROTOCOL_VERSION;
    struct hello_reply *answer =
        control_reply(client, FRAME_HELLO | FRAME_REPLY, 0, sizeof(*answer));

    answer->magic = PROTOCOL_MAGIC;
    answer->version = PROTOCOL_VERSION;
    answer->pid = (uint32_t)sys0(__NR_getpid);
    answer->uid = (uint32_t)sys0(__NR_geteuid);
    text_copy(answer->library, CORO_VERSION, sizeof(answer->library));
    read_program_name(answer->program, sizeof(answer->program));
    client->greeted = matches;
}

static void answer_list(struct control_client *client, const void *body)
{
    const struct list_request *list = body;
    struct frame_header *header = (struct frame_header *)client->out;
    size_t max = list->max_records;
    struct list_reply *answer;
    size_t count;

    if (max == 0 || max > LIST_RECORDS_MAX)
        max = LIST_RECORDS_MAX;
    answer = control_reply(client, FRAME_LIST | FRAME_REPLY, 0, sizeof(*answer));
    count = co_snapshot(list->after_id, (struct co_info *)(answer + 1), max);
    answer->count = (uint32_t)count;
    answer->record_bytes = sizeof(struct co_info);
    header->flags = count == max ? FRAME_MORE : 0;
    header->length += (uint32_t)(count * sizeof(struct co_info));
    client->out_used += (uint32_t)(count * sizeof(struct co_info));
}

static void answer_stacks(struct control_client *client, const void *body)
{
    const struct stacks_request *stacks = body;
    struct frame_header *header = (struct frame_header *)client->out;
    uint32_t max = stacks->max_stack_bytes < MEMORY_MAX ? stacks->max_stack_bytes : MEMORY_MAX;
    struct stacks_reply *answer =
        control_reply(client, FRAME_STACKS | FRAME_REPLY, 0, sizeof(*answer));
    int more;
    size_t bytes = co_stacks(stacks->after_id, stacks->only_id, max, answer + 1,
                             FRAME_REPLY_MAX - sizeof(*answer), &answer->count, &more);

    answer->info_bytes = sizeof(struct co_stack_info);
    answer->own_start = (uint64_t)__ehdr_start;
    answer->own_end = (uint64_t)end;
    header->flags = more ? FRAME_MORE : 0;
    header->length += (uint32_t)bytes;
    client->out_used += (uint32_t)bytes;
}

static void answer_memory(struct control_client *client, const void *body)
{
    const struct memory_request *memory = body;
    struct frame_header *header = (struct frame_header *)client->out;
    char *answer = control_reply(client, FRAME_MEMORY | FRAME_REPLY, 0, 0);
    size_t bytes = memory->bytes < MEMORY_MAX ? memory->bytes : MEMORY_MAX;

    bytes = co_memory(answer, memory->address, bytes);
    header->length = (uint32_t)bytes;
    client->out_used += (uint32_t)bytes;
}

static void answer_stat(struct control_client *client, const void *body)
{
    (void)body;
    runtime_read_stat(
        control_reply(client, FRAME_STAT | FRAME_REPLY, 0, sizeof(struct runtime_stat)));
}

static void answer_lock_site(struct control_client *client, const void *body)
{
    const struct lock_site_request *request = body;
    struct lock_site_reply *answer =
        control_reply(client, FRAME_LOCK_SITE | FRAME_REPLY, 0, sizeof(*answer));
    struct lock_site site;

    answer->remembers = conf.lock_sites;
    if (!lock_site_of(request->address, (uint32_t)request->tid, &site))
        return;
    answer->pc = site.pc;
    answer->held_ns = control_now_ns() - site.since_ns;
}

static void answer_held(struct control_client *client, const void *body)
{
    struct lock_site sites[HELD_AT_A_TIME] = { 0 };
    struct frame_header *header = (struct frame_header *)client->out;
    struct held_reply *answer = control_reply(client, FRAME_HELD | FRAME_REPLY, 0, sizeof(*answer));
    struct held_lock *lock = (struct held_lock *)(answer + 1);
    uint64_t now = control_now_ns();
    bool more = false;

    answer->record_bytes = sizeof(*lock);
    answer->next = ((const struct held_request *)body)->next;
    answer->remembers = conf.lock_sites;
    if (conf.lock_sites)
        answer->count = (uint32_t)lock_sites_held(&answer->next, sites, HELD_AT_A_TIME, &more);
    for (uint32_t i = 0; i < answer->count; i++)
        lock[i] = (struct held_lock){ .address = sites[i].lock,
                                      .pc = sites[i].pc,
                                      .held_ns = now - sites[i].since_ns,
                                      .tid = sites[i].tid,
                                      .kind = sites[i].kind };
    header->flags = more ? FRAME_MORE : 0;
    header->length += (uint32_t)(answer->count * sizeof(*lock));
    client->out_used += (uint32_t)(answer->count * sizeof(*lock));
}

static const struct request requests[] = {
    { FRAME_HELLO, sizeof(struct hello_request), answer_hello },
    { FRAME_LIST, sizeof(struct list_request), answer_list },
    { FRAME_STACKS, sizeof(struct stacks_request), answer_stacks },
    { FRAME_MEMORY, sizeof(struct memory_request), answer_memory },
    { FRAME_STAT, 0, answer_stat },
    { FRAME_LOCK_SITE, sizeof(struct lock_site_request), answer_lock_site },
    { FRAME_HELD, sizeof(struct held_request), answer_held },
    { FRAME_GET, 0, control_answer_get },
    { FRAME_SET, sizeof(struct set_request), control_answer_set },
    { FRAME_SIGNAL, sizeof(struct signal_request), control_answer_signal },
    { FRAME_CANCEL, sizeof(struct cancel_request), control_answer_cancel },
    { FRAME_CALL, sizeof(struct call_request), control_answer_call },
    { FRAME_DOCTOR, sizeof(struct doctor_request), control_answer_doctor },
    { FRAME_TRACE, sizeof(struct trace_request), control_answer_trace },
    { FRAME_LATENCY, sizeof(struct latency_request), control_answer_latency },
};

static const struct request *find_request(uint16_t type)
{
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
        if (requests[i].type == type)
            return &requests[i];
    return NULL;
}

void control_answer(struct control_client *client)
{
    const struct frame_header *header = (const struct frame_header *)client->in;
    const struct request *request = find_request(header->type);

    if (!client->greeted && header->type != FRAME_HELLO)
        control_refuse(client, PROTOCOL_NOT_GREETED, header->type,
                       "HELLO of this protocol version first");
    else if (request == NULL)
        control_refuse(client, PROTOCOL_UNKNOWN_REQUEST, header->type, "unknown request");
    else if (header->length < request->body_bytes)
        control_refuse(client, PROTOCOL_MALFORMED, header->type, "request too short");
    else
        request->answer(client, header + 1);
}
