/* Time limits around calls of the program's (coro_with_timeout, coro_with_deadline).
 *
 * A thread's limits are a stack, innermost first, in memory of the API's. When one's time is over and its
 * thread waits at a cancellation point, the wait ends as a cancellation ends it: in a symbol door with
 * -EDOOR, which asks the API (shim/api/limit.c) what to do; in a call of libc's own, by calling the API on the
 * thread's stack. A thread that runs meets it at its next cancellation point: co.cancelled is set.
 * All of this is the carrier's, in the runtime. */
#ifndef CORO_OP_LIMIT_H
#define CORO_OP_LIMIT_H

#include "runtime/base.h"
#include "runtime/timer.h"

struct co;

struct limit {
    struct timer timer;
    struct co *co; /* NULL: natively */
    struct limit *outer;
    uint64_t deadline_ns;
    bool unwinds;        /* coro_with_timeout; else calls that would wait fail */
    volatile bool over;  /* its time has passed */
    bool leaving;        /* the thread is being unwound out of it */
    void (*leave)(void); /* unwinds the running thread to the limit that is due */
};

/* The limit that the thread is to act upon now, if any: the earliest of those that unwind and are over, else
 * the earliest that is over. @innermost: the thread's. */
struct limit *limit_due(struct limit *innermost);

/* Puts @limit on the running thread's stack of limits and takes it off, with all within it. */
void op_limit_enter(struct limit *limit);
void op_limit_leave(struct limit *limit);

/* The running thread's innermost limit, or NULL. */
struct limit *op_limits(void);

/* Must @co leave its wait in a symbol door, or in a call of libc's, because of a limit? */
bool limit_ends_call(const struct co *co);
bool limit_ends_libc_call(const struct co *co);

/* A call that is to end has moved bytes: true if they are its result, since it only fails otherwise. */
bool limit_keeps_result(const struct co *co);

/* Leaves the runtime and has the API unwind. */
void limit_act(struct co *co);

#endif
