/* How long threads wait for their turn and how long they keep it: the record that the control socket
 * carries and coroctl prints. Fixed size, no pointers; all times in nanoseconds.
 *
 * A histogram has LATENCY_STEPS buckets to each power of two, so a bucket's bounds are at most a
 * quarter of the value apart. */
#ifndef CORO_LATENCY_INFO_H
#define CORO_LATENCY_INFO_H

#include <stdint.h>

#define LATENCY_STEP_BITS 2
#define LATENCY_STEPS     (1U << LATENCY_STEP_BITS)
#define LATENCY_BUCKETS   160U /* the last begins at 32 minutes, and has no end */

struct latency_histogram {
    uint64_t count; /* of switches that the samples stand for */
    uint64_t sum_ns;
    uint64_t bucket[LATENCY_BUCKETS]; /* their sum is count */
};

struct latency_info {
    uint64_t uptime_ns;  /* since the figures began: the runtime's start, or the last reset */
    uint64_t samples;    /* switches that were measured */
    uint64_t stalls;     /* times that a thread held the carrier for longer than the next figure */
    uint64_t stall_ns;   /* CORO_LATENCY_WARNING's bound, or its usual one */
    uint64_t longest_ns; /* that the carrier was held, as the monitor's ticks saw it */
    struct latency_histogram queued; /* from runnable to running */
    struct latency_histogram held;   /* from running to parked, yielded or preempted */
};

static inline uint32_t latency_bucket(uint64_t ns)
{
    if (ns < LATENCY_STEPS)
        return (uint32_t)ns;
    uint32_t power = 63 - (uint32_t)__builtin_clzll(ns);
    uint32_t step = (uint32_t)(ns >> (power - LATENCY_STEP_BITS)) & (LATENCY_STEPS - 1);
    uint32_t bucket = (power - LATENCY_STEP_BITS + 1) * LATENCY_STEPS + step;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The least value that belongs to @bucket. */
static inline uint64_t latency_bound(uint32_t bucket)
{
    if (bucket < LATENCY_STEPS)
        return bucket;
    uint32_t power = bucket / LATENCY_STEPS - 1;
    return (uint64_t)(LATENCY_STEPS + bucket % LATENCY_STEPS) << power;
}

#endif
