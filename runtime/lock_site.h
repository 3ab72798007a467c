/* Where locks were taken, for those who look for deadlocks: CORO_LOCK_SITES.
 *
 * A table by address, in which a later lock takes an earlier one's place: cheap, bounded, and now and then
 * forgetful. Nothing is noted when a lock is released: an entry counts while its thread is the owner. */
#ifndef CORO_LOCK_SITE_H
#define CORO_LOCK_SITE_H

#include "runtime/base.h"
#include "runtime/co_info.h"

struct lock_site {
    uint64_t lock;
    uint64_t pc; /* where the call returns to */
    uint64_t since_ns;
    uint32_t tid;
    uint32_t kind; /* WAIT_MUTEX, or WAIT_RWLOCK: for writing */
};

/* The running thread, @tid, has taken @lock, which is of @kind. Any thread of the program's; async-signal-safe. */
void lock_site_note(uintptr_t lock, uintptr_t pc, uint32_t tid, enum wait_kind kind);

/* Of @lock as @tid holds it. False: not known. Any kernel thread of ours. */
bool lock_site_of(uint64_t lock, uint32_t tid, struct lock_site *out);

/* Up to @max locks that are held now, from place *@next of the table on (0: the first), which becomes the place to
 * go on from; false in *@more: there are no others. Returns how many. A bounded number is looked at each
 * time. Any kernel thread of ours. */
size_t lock_sites_held(uint32_t *next, struct lock_site *out, size_t max, bool *more);

#endif
