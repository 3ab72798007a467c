/* CPU time of single threads.
 *
 * The kernel keeps one clock for the carrier; we share it out among the coroutines. That costs a look
 * at the clock at every switch, so it begins with the first question; before, co.cpu_ns is what the
 * monitor's ticks sampled. All calls: the carrier, in the runtime. */
#ifndef CORO_CPUTIME_H
#define CORO_CPUTIME_H

#include "runtime/runtime.h"

/* CPU time of @co so far, in nanoseconds. The first call begins the accounting. */
uint64_t cputime_read(struct co *co);

/* The turn of whoever ran is over; @next runs from here on (NULL: the carrier's loop). Called while
 * watch.cpu_time is set. */
void cputime_turn(struct co *next);

/* A new runtime: the carrier's clock so far is @first's, nothing is asked yet. */
void cputime_reset(struct co *first);

/* Another kernel thread, with a clock of its own, runs the carrier from here on. */
void cputime_moved(void);

/* @value * @part / @whole, where @part <= @whole, without overflow. */
static inline uint64_t cputime_share(uint64_t value, uint64_t part, uint64_t whole)
{
    uint64_t high;
    __asm__("mulq %3\n\tdivq %4"
            : "=a"(value), "=&d"(high)
            : "0"(value), "r"(part), "r"(whole)
            : "cc");
    return value;
}

#endif
