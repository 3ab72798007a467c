/* The trace: a ring of events for each carrier, which it fills and the monitor empties.
 *
 * Off until somebody asks over the control socket. Then the carrier notes what it does with threads
 * and which calls they make, at 32 bytes and some nanoseconds an event; when the reader is slow,
 * events are lost and counted. */
#ifndef CORO_TRACE_H
#define CORO_TRACE_H

#include "runtime/base.h"
#include "runtime/trace_info.h"

/* Stalls that are kept for the reader. */
#define TRACE_STALLS 64U

struct carrier;
struct co;

/* One writer, one reader. Both counts only grow: what is between them is to be read. */
struct trace_ring {
    struct trace_event *events; /* NULL: no trace yet */
    uint32_t mask;              /* number of events - 1 */
    uint32_t serial;            /* of the trace */
    bool tsc;                   /* the clock is the processor's counter; else CLOCK_MONOTONIC */
    bool fresh;                 /* `stamp` is still now */
    bool resumed;               /* nothing but a run was noted since `stamp` */
    uint64_t stamp;             /* the time, when it was last looked at */
    uint64_t read_known;        /* `read` when the writer last looked */
    uint64_t lost;              /* since the last event that found room */
    _Alignas(CACHE_BYTES) volatile uint64_t written;
    _Alignas(CACHE_BYTES) volatile uint64_t read;
};

/* Puts an event into @ring: TRACE_LOST first when some were lost. The writer. */
void trace_put(struct trace_ring *ring, const struct trace_event *event);

/* Takes up to @max events out of @ring. The reader. */
size_t trace_take(struct trace_ring *ring, struct trace_event *out, size_t max);

/* Begins a trace: 0, -EBUSY when one is on, -ENOMEM. On the monitor, like the next four. */
int trace_start(void);
void trace_stop(void);
/* Up to @max events in the order of time; more than TRACE_STALLS + 1. @more: there are others. */
size_t trace_read(struct trace_event *out, size_t max, bool *more);
/* The time by the clock of the events. */
uint64_t trace_now(void);
/* A thread has held the carrier for @held_ns. */
void trace_stall(uint64_t thread, uint64_t held_ns);

/* The rest: the carrier, in the runtime, and only while its watch.trace is set. */

/* @co is about to become runnable: made, woken, or still running. */
void trace_queued(struct carrier *carrier, const struct co *co);
/* @co runs from here on. */
void trace_run(struct carrier *carrier, const struct co *co);
/* @co parks on what its co.wait says. */
void trace_park(struct carrier *carrier, struct co *co);
void trace_exit(struct carrier *carrier, const struct co *co);
void trace_preempt(struct carrier *carrier, const struct co *co, uintptr_t pc);
/* The running thread makes a call, and has its @result; calls that no trace shows are left out. */
NOINLINE void trace_call(struct carrier *carrier, struct co *co, uint64_t nr, long first);
NOINLINE void trace_return(struct carrier *carrier, struct co *co, long result);
NOINLINE void trace_offload(struct carrier *carrier, const struct co *co, long nr);
NOINLINE void trace_offload_end(struct carrier *carrier, const struct co *co, long nr, long result);

/* No trace, in the child of a fork. */
void trace_reset(struct carrier *carrier);

#endif
