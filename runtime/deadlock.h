/* CORO_DEADLOCK: the process notices that none of its threads can ever go on. */
#ifndef CORO_DEADLOCK_H
#define CORO_DEADLOCK_H

#include "runtime/runtime.h"

enum deadlock_action { DEADLOCK_OFF, DEADLOCK_REPORT, DEADLOCK_ABORT };

/* A ring of threads, each of which holds a lock that the one before waits for, or is joined by it. */
struct deadlock {
    uint64_t first_id; /* the least id in the ring */
    size_t length;
};

enum standstill {
    STANDSTILL_NONE,
    STANDSTILL_UNPROVEN, /* nothing that is known of could end it, but no ring proves it */
    STANDSTILL_RING,     /* @found */
};

/* A standstill is when every thread waits for locks, conditions, semaphores, threads or the like of this
 * process, without deadline. It is none when anything is left that could end a wait: a thread that
 * waits for a descriptor, a signal, time or a call, a timer of the process's, a guest in its
 * memory; without a ring, also a handler of a signal that may come from outside. While the carrier is idle, on any kernel thread of ours: looks at bounded numbers of threads
 * at a time, and at no more than it must to say no. */
enum standstill deadlock_find(struct deadlock *found);

#endif
