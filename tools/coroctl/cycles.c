/* A thread that waits for a lock or for another's end waits for one thread, so the graph has at most
 * one edge from each: following the edges either ends or comes round. Waits that a deadline ends
 * are none. The list was taken while the program went on, so a cycle counts only if none of its
 * threads has run between two listings. */
#include "tools/coroctl/cycles.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/coroctl/command.h"

#define SETTLE_NS 20000000 /* between the listings */

enum { UNSEEN = -1 };

int listings_fetch(struct connection *connection, struct listings *listings)
{
    static const struct timespec settle = { .tv_nsec = SETTLE_NS };
    int code = threads_fetch(connection, &listings->earlier);

    if (code != EXIT_OK)
        return code;
    nanosleep(&settle, NULL);
    return threads_fetch(connection, &listings->now);
}

void listings_free(struct listings *listings)
{
    threads_free(&listings->earlier);
    threads_free(&listings->now);
}

static bool waits_without_end(const struct co_info *thread)
{
    return thread->state == CO_PARKED && thread->wait_left_ns == UINT64_MAX;
}

const struct co_info *waits_for(const struct threads *threads, const struct co_info *thread)
{
    if (!waits_without_end(thread) || thread->wait_owner_tid == 0 ||
        (thread->wait_kind != WAIT_MUTEX && thread->wait_kind != WAIT_RWLOCK &&
         thread->wait_kind != WAIT_JOIN))
        return NULL;
    return threads_by_tid(threads, thread->wait_owner_tid);
}

bool waits_for_unknown(const struct co_info *thread)
{
    return waits_without_end(thread) &&
           (thread->wait_kind == WAIT_SEMAPHORE ||
            (thread->wait_kind == WAIT_RWLOCK && thread->wait_owner_tid == 0));
}

/* Has @thread stood still since the earlier listing? */
static bool stands(const struct threads *earlier, const struct co_info *thread)
{
    const struct co_info *before = threads_by_tid(earlier, thread->tid);

    return before != NULL && before->id == thread->id && before->slices == thread->slices;
}

static bool is_dead(const struct listings *listings, const struct co_info *first)
{
    const struct co_info *thread = first;

    do {
        if (!stands(&listings->earlier, thread))
            return false;
        thread = waits_for(&listings->now, thread);
    } while (thread != first);
    return true;
}

size_t cycles_find(const struct listings *listings,
                   void (*found)(void *context, const struct co_info *first), void *context)
{
    const struct threads *threads = &listings->now;
    int *seen_by = calloc(threads->count + 1, sizeof(*seen_by));
    size_t cycles = 0;

    if (seen_by == NULL)
        error(EXIT_FAILED, errno, "memory");
    for (size_t i = 0; i < threads->count; i++)
        seen_by[i] = UNSEEN;
    for (size_t i = 0; i < threads->count; i++) {
        const struct co_info *thread = &threads->items[i];

        while (thread != NULL && seen_by[thread - threads->items] == UNSEEN) {
            seen_by[thread - threads->items] = (int)i;
            thread = waits_for(threads, thread);
        }
        if (thread != NULL && seen_by[thread - threads->items] == (int)i &&
            is_dead(listings, thread)) {
            found(context, thread);
            cycles++;
        }
    }
    free(seen_by);
    return cycles;
}

bool all_wait(const struct listings *listings)
{
    const struct threads *threads = &listings->now;

    for (size_t i = 0; i < threads->count; i++) {
        const struct co_info *thread = &threads->items[i];

        if (thread->state != CO_NEW &&
            (!waits_without_end(thread) || !wait_is_for_threads(thread->wait_kind) ||
             !stands(&listings->earlier, thread)))
            return false;
    }
    return threads->count > 0;
}

const struct co_info *cycle_before(const struct threads *threads, const struct co_info *thread)
{
    const struct co_info *before = thread, *next;

    while ((next = waits_for(threads, before)) != thread)
        before = next;
    return before;
}

bool lock_site_fetch(struct connection *connection, const struct co_info *waiter,
                     const struct co_info *holder, struct lock_site_reply *site)
{
    struct lock_site_request request = { .address = waiter->wait_addr, .tid = holder->tid };

    memset(site, 0, sizeof(*site));
    if (connection->by_memory || waiter->wait_kind == WAIT_JOIN ||
        connection_ask(connection, FRAME_LOCK_SITE, &request, sizeof(request), sizeof(*site)) !=
            EXIT_OK)
        return false;
    memcpy(site, connection->body, sizeof(*site));
    return site->pc != 0;
}
