/* What a client may send: the server's parser, request by request, without runtime or sockets.
 *
 * The input is a client's stream of frames. Memory beyond a request's body is poisoned, so that an
 * answer which reads past it is caught; every reply must be well formed. */
#include <linux/errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sanitizer/asan_interface.h>

#include "runtime/co_info.h"
#include "runtime/lock_site.h"
#include "runtime/stack_info.h"
#include "runtime/stat.h"
#include "shim/conf.h"
#include "shim/control.h"
#include "shim/control_internal.h"

#define THREADS 700

static void check(bool holds)
{
    if (!holds)
        abort();
}

size_t co_snapshot(uint64_t after_id, struct co_info *out, size_t max)
{
    size_t count = 0;

    memset(out, 0, max * sizeof(*out));
    for (uint64_t id = after_id + 1; id != 0 && id <= THREADS && count < max; id++)
        out[count++].id = id;
    return count;
}

size_t co_stacks(uint64_t after_id, uint64_t only_id, uint32_t max_stack_bytes, void *out,
                 size_t room, uint32_t *count, int *more)
{
    (void)after_id, (void)only_id;
    check(max_stack_bytes <= MEMORY_MAX);
    memset(out, 0, room);
    *count = 1;
    *more = 1;
    return room;
}

size_t co_memory(void *to, uintptr_t address, size_t bytes)
{
    (void)address;
    check(bytes <= MEMORY_MAX);
    memset(to, 1, bytes);
    return bytes;
}

bool lock_site_of(uint64_t lock, uint32_t tid, struct lock_site *out)
{
    (void)lock, (void)tid;
    memset(out, 1, sizeof(*out));
    return true;
}

size_t lock_sites_held(uint32_t *next, struct lock_site *out, size_t max, bool *more)
{
    *more = *next < 1000;
    *next += 1;
    memset(out, 1, max * sizeof(*out));
    return max;
}

void runtime_read_stat(struct runtime_stat *stat)
{
    memset(stat, 0, sizeof(*stat));
}

static size_t objects(size_t skip, struct doctor_object *into, size_t max)
{
    enum { ALL = 1000 };

    for (size_t i = 0; i < max && skip < ALL; i++, skip++)
        memset(&into[i], 0, sizeof(*into));
    return ALL;
}

static void apply(void)
{
}

static int set_thread(uint64_t id, uint32_t selfishness)
{
    check(selfishness >= 1 && selfishness <= 32768);
    return id <= THREADS ? 0 : -ESRCH;
}

static int signal_thread(uint64_t id, int signal)
{
    check(signal >= 1 && signal <= 64);
    return id <= THREADS ? 0 : -ESRCH;
}

static int64_t cancel(uint64_t id)
{
    return id <= THREADS ? (int64_t)id : -ESRCH;
}

/* What shim/call.c relies on. */
static int64_t call(const struct call_info *call)
{
    check(call->count <= CALL_ARGUMENTS_MAX && call->returns < CALL_TYPES);
    check(memchr(call->name, '\0', sizeof(call->name)) != NULL);
    check(memchr(call->object, '\0', sizeof(call->object)) != NULL);
    for (size_t i = 0; i < call->count; i++) {
        check(call->types[i] != CALL_VOID && call->types[i] < CALL_TYPES);
        if (call->types[i] == CALL_STRING)
            check(memchr(call->text + call->values[i], '\0',
                         sizeof(call->text) - call->values[i]) != NULL);
    }
    return 1;
}

static bool look(uint64_t ticket, struct errand_info *info)
{
    info->ticket = ticket;
    return ticket % 2;
}

static void check_reply(const struct control_client *client, uint16_t type)
{
    const struct frame_header *header = (const struct frame_header *)client->out;
    const struct error_reply *refusal = (const struct error_reply *)(header + 1);

    check(client->out_sent == 0);
    check(header->length <= FRAME_REPLY_MAX);
    check(client->out_used == sizeof(*header) + header->length);
    check(header->type == (type | FRAME_REPLY) || header->type == FRAME_ERROR);
    if (header->type != FRAME_ERROR)
        return;
    check(header->length == sizeof(*refusal) && refusal->request == type);
    check(memchr(refusal->text, '\0', sizeof(refusal->text)) != NULL);
}

static void answer(struct control_client *client, const uint8_t *frame, size_t bytes)
{
    uint16_t type;

    memcpy(client->in, frame, bytes);
    type = ((const struct frame_header *)client->in)->type;
    ASAN_POISON_MEMORY_REGION(client->in + bytes, sizeof(client->in) - bytes);
    control_answer(client);
    if (client->passed_fd > 0)
        close(client->passed_fd);
    client->passed_fd = -1;
    ASAN_UNPOISON_MEMORY_REGION(client->in, sizeof(client->in));
    check_reply(client, type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct control_client client;
    struct conf before = conf;

    control_hooks = (struct control_hooks){ apply, set_thread, signal_thread, cancel,
                                            call,  look,       objects,       NULL };
    client.greeted = size % 4 != 0; /* most inputs need no HELLO */
    conf.call = true;
    while (size >= sizeof(struct frame_header)) {
        struct frame_header header;
        size_t bytes;

        memcpy(&header, data, sizeof(header));
        bytes = sizeof(header) + header.length;
        if (header.length > FRAME_REQUEST_MAX || bytes > size)
            break;
        answer(&client, data, bytes);
        data += bytes;
        size -= bytes;
    }
    conf = before;
    return 0;
}
