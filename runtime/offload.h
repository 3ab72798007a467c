/* Calls that block without readiness, run on helper kernel threads: a system call is only a number
 * and six words. Helpers start on demand and then wait for more. */
#ifndef CORO_OFFLOAD_H
#define CORO_OFFLOAD_H

#include "runtime/runtime.h"

struct offload_job {
    struct remote remote;
    struct offload_job *next;
    struct co *co;
    long nr;
    long argument[6];
    long result;
    volatile uint32_t interrupted; /* asks the helper to give up: sys_interruptible's flag */
    volatile int helper_tid;       /* 0: not picked up, or done */
    bool done;
};

/* Runs system call @nr on a helper and returns its result; -ERESTARTSYS when a signal came first
 * and the call had no effect. Without helpers (no memory, no threads) it runs here, blocking the
 * carrier. PARKS. */
long offload_call(long nr, const long argument[6]);

/* The same, but the helper is made to give up at @deadline_ns: then -ETIMEDOUT. PARKS. */
long offload_call_until(long nr, const long argument[6], uint64_t deadline_ns);

/* A signal handler must run in @co, which is in offload_call: makes the helper give up. */
void offload_interrupt(struct offload_job *job);

/* Forgets helpers and jobs (child of a fork). */
void offload_reset(void);

/* Helper kernel threads alive. */
uint32_t offload_helpers(void);

#endif
