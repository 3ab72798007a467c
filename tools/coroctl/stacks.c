/* Fetching stacks, a page of them at a time. The library in the process may be broken: every length
 * is checked against what came. */
#include "tools/coroctl/stacks.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/progress.h"

#define STACK_BYTES 4096 /* of each: most parked threads use less */

static size_t read_remote(void *context, uint64_t address, void *to, size_t bytes)
{
    static struct connection reply; /* the page of stacks is still in the other one's buffer */
    struct connection *connection = context;
    struct memory_request request = { .address = address, .bytes = bytes };
    int code;

    reply.fd = connection->fd;
    reply.by_memory = connection->by_memory;
    reply.pid = connection->pid;
    code = connection_ask(&reply, FRAME_MEMORY, &request, sizeof(request), 0);
    connection->fd = reply.fd; /* it may be stopped now */
    connection->by_memory = reply.by_memory;
    if (code != EXIT_OK || reply.body_bytes > bytes)
        return 0;
    memcpy(to, reply.body, reply.body_bytes);
    return reply.body_bytes;
}

static struct stack *add(struct stacks *stacks)
{
    if (stacks->count == stacks->room) {
        stacks->room = stacks->room * 2 + 64;
        stacks->items = reallocarray(stacks->items, stacks->room, sizeof(*stacks->items));
        if (stacks->items == NULL)
            error(EXIT_FAILED, errno, "memory for %zu stacks", stacks->room);
    }
    stacks->items[stacks->count] = (struct stack){ 0 };
    return &stacks->items[stacks->count++];
}

/* False when the page contradicts itself. */
static bool take_page(const struct connection *connection, struct stacks *stacks)
{
    const struct stacks_reply *page = (const struct stacks_reply *)connection->body;
    const unsigned char *at = connection->body + sizeof(*page);
    size_t left = connection->body_bytes - sizeof(*page), head = page->info_bytes;
    struct co_stack_info info;

    if (head < sizeof(info))
        return false;
    image_own(page->own_start, page->own_end);
    for (uint32_t i = 0; i < page->count; i++) {
        size_t bytes;
        struct stack *stack;

        if (left < head)
            return false;
        memcpy(&info, at, sizeof(info));
        bytes = head + align_up(info.memory_bytes, sizeof(uint64_t));
        if (bytes > left)
            return false;
        stack = add(stacks);
        stack->id = info.id;
        stack->slices = info.slices;
        unwind(&info, at + head, stack);
        at += bytes;
        left -= bytes;
    }
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    const struct stack *one = a, *other = b;

    return one->id < other->id ? -1 : one->id > other->id;
}

int stacks_fetch(struct connection *connection, uint64_t only_id, struct stacks *stacks)
{
    struct stacks_request request = { .only_id = only_id,
                                      .max_stack_bytes =
                                          only_id == STACK_KEPT ? MEMORY_MAX : STACK_BYTES };
    size_t before = stacks->count;
    struct progress progress = progress_begin("unwinding", "threads");
    int code;

    unwind_open(read_remote, connection);
    do {
        size_t had = stacks->count;

        code = connection_ask(connection, FRAME_STACKS, &request, sizeof(request),
                              sizeof(struct stacks_reply));
        if (code == EXIT_OK && !take_page(connection, stacks)) {
            error(0, 0, "process %d answers nonsense: is it coroshim's?", (int)connection->pid);
            code = EXIT_PROTOCOL;
        }
        if (code != EXIT_OK || stacks->count == had)
            break;
        request.after_id = stacks->items[stacks->count - 1].id;
        progress_show(&progress, stacks->count - before, 0);
    } while (connection->flags & FRAME_MORE && !only_id);
    progress_end(&progress);
    unwind_close();
    if (code != EXIT_OK)
        stacks->count = before;
    qsort(stacks->items, stacks->count, sizeof(*stacks->items), compare_ids);
    return code;
}

void stacks_free(struct stacks *stacks)
{
    for (size_t i = 0; i < stacks->count; i++)
        free(stacks->items[i].pcs);
    free(stacks->items);
    *stacks = (struct stacks){ 0 };
}

const struct stack *stacks_by_id(const struct stacks *stacks, uint64_t id)
{
    for (size_t low = 0, high = stacks->count; low < high;) {
        size_t middle = low + (high - low) / 2;

        if (stacks->items[middle].id == id)
            return &stacks->items[middle];
        if (stacks->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
