/* Fetches them page by page, and sorts them for the threads to find theirs. */
#include "tools/coroctl/held.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"

/* Copies the records of one page. False when the page contradicts itself. */
static bool take_page(const struct connection *connection, struct held *held)
{
    const struct held_reply *page = (const struct held_reply *)connection->body;
    const unsigned char *record = connection->body + sizeof(*page);
    size_t bytes = page->record_bytes;

    if (bytes == 0 || (connection->body_bytes - sizeof(*page)) / bytes < page->count)
        return false;
    if (held->count + page->count > held->room) {
        held->room = 2 * held->room + page->count;
        held->items = reallocarray(held->items, held->room, sizeof(*held->items));
        if (held->items == NULL)
            error(EXIT_FAILED, errno, "memory for %zu locks", held->room);
    }
    for (uint32_t i = 0; i < page->count; i++, record += bytes) {
        struct held_lock *item = &held->items[held->count++];

        memset(item, 0, sizeof(*item));
        memcpy(item, record, bytes < sizeof(*item) ? bytes : sizeof(*item));
    }
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct held_lock *one = a, *other = b;

    if (one->tid != other->tid)
        return one->tid < other->tid ? -1 : 1;
    return one->held_ns > other->held_ns ? -1 : one->held_ns < other->held_ns;
}

int held_fetch(struct connection *connection, struct held *held)
{
    const struct held_reply *page = (const struct held_reply *)connection->body;
    struct held_request request = { 0 };
    uint32_t before;

    *held = (struct held){ 0 };
    do {
        int code = EXIT_OK;

        before = request.next;
        if (connection->by_memory)
            break;
        code = connection_ask(connection, FRAME_HELD, &request, sizeof(request), sizeof(*page));
        if (code == EXIT_OK && !take_page(connection, held)) {
            error(0, 0, "process %d answers nonsense: is it coroshim's?", (int)connection->pid);
            code = EXIT_PROTOCOL;
        }
        if (code != EXIT_OK) {
            held_free(held);
            return code;
        }
        request.next = page->next;
    } while (connection->flags & FRAME_MORE && request.next > before);
    if (held->count > 0)
        qsort(held->items, held->count, sizeof(*held->items), compare);
    return EXIT_OK;
}

void held_free(struct held *held)
{
    free(held->items);
    *held = (struct held){ 0 };
}

const struct held_lock *held_by(const struct held *held, uint32_t tid, size_t *count)
{
    size_t low = 0, high = held->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (held->items[middle].tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low + *count < held->count && held->items[low + *count].tid == tid;)
        ++*count;
    return held->items + low;
}
