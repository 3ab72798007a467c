/* Measuring how long threads wait for their turn and how long they keep it.
 *
 * A look at the clock costs as much as a switch, so switches are sampled: at most one in
 * LATENCY_PERIOD_NS is measured, and stands for all since the one before. Which one of a burst is
 * left to chance. All of it: the carrier, in the runtime, unless it says otherwise. */
#ifndef CORO_LATENCY_H
#define CORO_LATENCY_H

#include "runtime/base.h"
#include "runtime/latency_info.h"

#define LATENCY_PERIOD_NS (50 * NSEC_PER_USEC)

struct carrier;
struct co;

/* One carrier's. */
struct latency {
    uint64_t next_ns;  /* no sample begins before */
    uint64_t switches; /* of the carrier, when the last sample ended */
    uint64_t passes;   /* the same, at the loop's last pass */
    struct co *co;     /* that is measured; NULL: not chosen yet */
    bool running;      /* it waits no longer */
    uint32_t skip;     /* that become runnable before one is chosen */
    uint64_t since_ns;
    uint32_t random;
    uint64_t samples;
    struct latency_histogram queued, held;
};

/* The loop's pass at @now_ns: time for another sample? */
void latency_pass(struct carrier *carrier, uint64_t now_ns);

/* While watch.sample is set: @co becomes runnable; @next runs from here on, or the loop (NULL). */
void latency_queued(struct carrier *carrier, struct co *co);
void latency_switched(struct carrier *carrier, struct co *next);

/* The figures so far, since the last latency_restart. On the monitor. */
void latency_read(struct latency_info *info);
void latency_restart(void);

/* A new runtime. */
void latency_reset(struct carrier *carrier);

#endif
