/* Fetches threads page by page: a process may have a million. They are kept, at 224 bytes each,
 * because a line may name another thread (who holds a mutex) and columns are as wide as the widest
 * of them. */
#include "tools/coroctl/threads.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/progress.h"

static struct co_info *grow(struct threads *threads, size_t more)
{
    if (threads->count + more > threads->room) {
        threads->room = 2 * threads->room + more;
        threads->items = reallocarray(threads->items, threads->room, sizeof(*threads->items));
        if (threads->items == NULL)
            error(EXIT_FAILED, errno, "memory for %zu threads", threads->room);
    }
    return threads->items + threads->count;
}

/* Copies the records of one page. A library of another release may have longer or shorter ones:
 * fields that are missing stay 0. Returns false when the page contradicts itself. */
static bool take_page(const struct connection *connection, struct threads *threads)
{
    const struct list_reply *page = (const struct list_reply *)connection->body;
    const unsigned char *record = connection->body + sizeof(*page);
    uint64_t last = threads->count > 0 ? threads->items[threads->count - 1].id : 0;
    size_t bytes = page->record_bytes;
    struct co_info *item;

    if (bytes < sizeof(item->id) || (connection->body_bytes - sizeof(*page)) / bytes < page->count)
        return false;
    if (page->count == 0)
        return !(connection->flags & FRAME_MORE); /* more, but nothing to go on from */
    item = grow(threads, page->count);
    for (uint32_t i = 0; i < page->count; i++, item++, record += bytes) {
        memset(item, 0, sizeof(*item));
        memcpy(item, record, bytes < sizeof(*item) ? bytes : sizeof(*item));
        item->name[sizeof(item->name) - 1] = '\0';
        item->peer[sizeof(item->peer) - 1] = '\0';
        if (item->id <= last)
            return false;
        last = item->id;
        threads->count++;
    }
    return true;
}

int thread_fetch(struct connection *connection, uint64_t id, struct co_info *thread)
{
    struct list_request request = { .after_id = id - 1, .max_records = 1 };
    struct threads threads = { .pid = connection->pid };
    int code = connection_ask(connection, FRAME_LIST, &request, sizeof(request),
                              sizeof(struct list_reply));

    if (code != EXIT_OK)
        return code;
    if (!take_page(connection, &threads) || threads.count == 0 || threads.items[0].id != id) {
        error(0, 0, "process %d has no thread %lu", (int)connection->pid, id);
        code = EXIT_FAILED;
    } else {
        *thread = threads.items[0];
    }
    threads_free(&threads);
    return code;
}

static int compare_tids(const void *a, const void *b, void *items)
{
    const struct co_info *threads = items;
    uint32_t one = threads[*(const uint32_t *)a].tid, other = threads[*(const uint32_t *)b].tid;

    return one < other ? -1 : one > other;
}

static void sort_by_tid(struct threads *threads)
{
    threads->by_tid = calloc(threads->count + 1, sizeof(*threads->by_tid));
    if (threads->by_tid == NULL)
        error(EXIT_FAILED, errno, "memory for %zu threads", threads->count);
    for (size_t i = 0; i < threads->count; i++)
        threads->by_tid[i] = (uint32_t)i;
    qsort_r(threads->by_tid, threads->count, sizeof(*threads->by_tid), compare_tids,
            threads->items);
}

int threads_fetch(struct connection *connection, struct threads *threads)
{
    struct list_request request = { 0 };
    struct progress progress = progress_begin("asking", "threads");

    *threads = (struct threads){ .pid = connection->pid };
    do {
        int code = connection_ask(connection, FRAME_LIST, &request, sizeof(request),
                                  sizeof(struct list_reply));

        if (code == EXIT_OK && !take_page(connection, threads)) {
            error(0, 0, "process %d answers nonsense: is it coroshim's?", (int)connection->pid);
            code = EXIT_PROTOCOL;
        }
        if (code != EXIT_OK) {
            progress_end(&progress);
            threads_free(threads);
            return code;
        }
        if (threads->count > 0)
            request.after_id = threads->items[threads->count - 1].id;
        progress_show(&progress, threads->count, 0);
    } while (connection->flags & FRAME_MORE);
    progress_end(&progress);
    sort_by_tid(threads);
    return EXIT_OK;
}

void threads_free(struct threads *threads)
{
    free(threads->items);
    free(threads->by_tid);
    *threads = (struct threads){ 0 };
}

const struct co_info *threads_by_tid(const struct threads *threads, uint32_t tid)
{
    size_t low = 0, high = threads->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct co_info *thread = &threads->items[threads->by_tid[middle]];

        if (thread->tid == tid)
            return thread;
        if (thread->tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct co_info *threads_by_id(const struct threads *threads, uint64_t id)
{
    for (size_t low = 0, high = threads->count; low < high;) {
        size_t middle = low + (high - low) / 2;

        if (threads->items[middle].id == id)
            return &threads->items[middle];
        if (threads->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
