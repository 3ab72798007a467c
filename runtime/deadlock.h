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

/* True when every thread waits for locks, conditions, semaphores or threads of this process, without
 * deadline, and some wait in a ring. False when anything is left that could end a wait: a thread that
 * waits for a descriptor, a signal, time or a call, a timer of the process's, a guest in its
 * memory. While the carrier is idle, on any kernel thread of ours: looks at bounded numbers of threads
 * at a time, and at no more than it must to say no. */
bool deadlock_find(struct deadlock *found);

#endif
