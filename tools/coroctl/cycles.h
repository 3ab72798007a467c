/* Who waits for whom, and rings of threads that do. */
#ifndef COROCTL_CYCLES_H
#define COROCTL_CYCLES_H

#include "tools/coroctl/process.h"
#include "tools/coroctl/threads.h"

/* Two listings of one process's threads, a moment apart. */
struct listings {
    struct threads earlier, now;
};

/* Returns an enum exit_code, having said why unless it is 0. */
int listings_fetch(struct connection *connection, struct listings *listings);
void listings_free(struct listings *listings);

/* The thread that @thread can't go on without: who holds the mutex or, for writing, the read-write lock
 * that it wants, or whom it joins. NULL: none, or nobody knows. */
const struct co_info *waits_for(const struct threads *threads, const struct co_info *thread);

/* Whether @thread waits for a lock without an owner that could be known: a read-write lock that readers
 * hold, or a semaphore. */
bool waits_for_unknown(const struct co_info *thread);

/* Calls @found(context, first) once for each cycle whose threads have all stood still. Returns how many. */
size_t cycles_find(const struct listings *listings,
                   void (*found)(void *context, const struct co_info *first), void *context);

/* Whether all threads have stood still, each waiting without a deadline for what another would have to do. */
bool all_wait(const struct listings *listings);

/* The member of @first's cycle that waits for @thread. */
const struct co_info *cycle_before(const struct threads *threads, const struct co_info *thread);

/* The lock that @waiter waits for and @holder holds: where it took it. False: that isn't known. */
bool lock_site_fetch(struct connection *connection, const struct co_info *waiter,
                     const struct co_info *holder, struct lock_site_reply *site);

#endif
