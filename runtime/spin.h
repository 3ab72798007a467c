/* A spin lock between kernel threads of ours. Held for a few dozen instructions, never across a
 * park or a system call. Holders run with in_runtime set or with all signals blocked, so no holder
 * is preempted by our own signals. */
#ifndef CORO_SPIN_H
#define CORO_SPIN_H

#include "runtime/sys.h"

struct spinlock {
    volatile int taken;
};

static inline void spin_lock(struct spinlock *lock)
{
    for (int tries = 0; __atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE); tries++) {
        if (tries < 64)
            __builtin_ia32_pause();
        else
            sys0(__NR_sched_yield); /* the holder has lost its processor */
    }
}

static inline void spin_unlock(struct spinlock *lock)
{
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

#endif
