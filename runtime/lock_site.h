/* Where locks were taken, for those who look for deadlocks: CORO_LOCK_SITES.
 *
 * A table by address, in which a later lock takes an earlier one's place: cheap, bounded, and now and then
 * forgetful. Nothing is noted when a lock is released: an entry counts while its thread is the owner. */
#ifndef CORO_LOCK_SITE_H
#define CORO_LOCK_SITE_H

#include "runtime/base.h"

struct lock_site {
    uint64_t lock;
    uint64_t pc; /* where the call returns to */
    uint64_t since_ns;
    uint64_t tid;
};

/* The running thread, @tid, has taken @lock. Any thread of the program's; async-signal-safe. */
void lock_site_note(uintptr_t lock, uintptr_t pc, uint32_t tid);

/* Of @lock as @tid holds it. False: not known. Any kernel thread of ours. */
bool lock_site_of(uint64_t lock, uint32_t tid, struct lock_site *out);

#endif
