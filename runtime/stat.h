/* Figures of the whole process for observers: the record that the control socket carries. Fixed
 * size; fields are only ever added at the end. Counters grow from the first thread creation on. */
#ifndef CORO_STAT_H
#define CORO_STAT_H

#include <stdint.h>

struct runtime_stat {
    uint64_t uptime_ns; /* since the runtime started */
    uint64_t threads;   /* alive, main included */
    uint64_t threads_created;
    uint64_t runnable; /* wait for their turn */
    uint64_t switches;
    uint64_t preemptions; /* kicks that the monitor sent */
    uint64_t stalls;      /* times that the latency warning was due */
    uint64_t timers;      /* pending */
    uint64_t helpers;     /* helper kernel threads */
    uint64_t carrier_cpu_ns;
    uint64_t io_calls; /* of all threads, those that have ended too: as in struct co_info */
    uint64_t polls;    /* of the kernel for readiness, by the loop */
    uint64_t poll_events;
};

/* On the monitor kernel thread; never parks. */
void runtime_read_stat(struct runtime_stat *stat);

#endif
