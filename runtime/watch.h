/* Telling observers of switches and wakes: the way from the scheduler to CPU time, latencies and the
 * trace. Nobody watches: one branch. The carrier, in the runtime. */
#ifndef CORO_WATCH_H
#define CORO_WATCH_H

#include "runtime/runtime.h"

NOINLINE void watch_queued_slowly(struct carrier *carrier, struct co *co);
NOINLINE void watch_switch_slowly(struct carrier *carrier, struct co *next);

/* @co is about to become runnable; its state still says what it was. */
static inline void watch_queued(struct carrier *carrier, struct co *co)
{
    if (unlikely(carrier->watch.any))
        watch_queued_slowly(carrier, co);
}

/* @next is about to run; NULL: the carrier's loop. carrier->current still says who ran. */
static inline void watch_switch(struct carrier *carrier, struct co *next)
{
    if (unlikely(carrier->watch.any))
        watch_switch_slowly(carrier, next);
}

#endif
