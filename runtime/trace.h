/* The trace: a ring of events for each carrier, in memory that the carrier shares with whoever reads.
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
/* Events that go into the ring together. */
#define TRACE_BLOCK 64U
/* Of a carrier's ring, 8 MiB: 0.2 s of a server's 1.2 million events a second. */
#define TRACE_EVENTS (1U << 18)

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
    bool run_due;               /* `run` is to be noted, if no return tells of it */
    bool rest_taken;            /* the reader has what was left of `block` at the end */
    uint64_t began;             /* the time, when the trace did */
    uint64_t stamp;             /* the time, when it was last looked at */
    struct {
        uint64_t time, thread;
    } run;
    uint64_t read_known;      /* `read` when the writer last looked */
    uint64_t lost;            /* since the last block that found room */
    volatile uint32_t filled; /* events in `block` */
    _Alignas(CACHE_BYTES) struct trace_event block[TRACE_BLOCK];
    _Alignas(CACHE_BYTES) volatile uint64_t written; /* into `events`, block by block */
    _Alignas(CACHE_BYTES) volatile uint64_t read;
};

/* What a reader is told. */
struct trace_progress {
    uint64_t written; /* event number n, before this, is in place n & mask of the shared memory */
    uint32_t count;   /* of events outside of the shared memory */
    bool more;        /* the end has come, and this was not yet all of it */
};

/* Puts an event into @ring: TRACE_LOST first when some were lost. The writer. */
void trace_put(struct trace_ring *ring, const struct trace_event *event);

/* Begins a trace: a descriptor of the shared memory, which the caller closes; -EBUSY when one is on,
 * -ENOMEM. On the monitor, like the next five. */
int trace_start(void);
void trace_stop(void);
/* So many events are in the ring, and were before this trace. */
uint64_t trace_written(void);
/* The reader has taken all events before number @taken. Copies what is not in the shared memory to
 * @out, which has room for TRACE_STALLS + TRACE_BLOCK: stalls, and after the end what was left. */
struct trace_progress trace_read(uint64_t taken, struct trace_event *out);
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
