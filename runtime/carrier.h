/* A carrier: what runs coroutines, one at a time. A kernel thread runs it, not always the same one
 * (handoff.h). The kernel thread's state hangs off the GS base, and the carrier off that, so that
 * code below the gate finds both without TLS, whatever the FS base is. */
#ifndef CORO_CARRIER_H
#define CORO_CARRIER_H

#include "runtime/arch/x86_64/layout.h"
#include "runtime/base.h"
#include "runtime/job.h"
#include "runtime/latency.h"
#include "runtime/list.h"
#include "runtime/timer.h"
#include "runtime/trace.h"

struct co;

struct carrier;

/* What every kernel thread of ours has at its GS base. */
struct kthread {
    struct kthread *self;
    struct carrier
        *carrier; /* that it runs; NULL: it is a helper, the monitor, or was handed off */
    int tid;
    bool lasting; /* must not end: something in the kernel would end with it */
    void *stack;  /* its own, lowest address, KTHREAD_STACK_BYTES */
    void *sp;     /* its own context on it, while it runs the carrier */

    /* As a helper: offload.c. */
    struct list link; /* of the idle ones */
    struct offload_job *job;
    uint32_t awake; /* a futex word of the kernel's: 0 while idle */
    uint32_t age;   /* of its credentials and the like */
    bool adopts;    /* it was woken to run the carrier */
    void *step;     /* it executes an instruction for a thread: interpose/step.c; else NULL */

    /* As the carrier's: handoff.c. */
    volatile uint64_t call;    /* serial number of the call it is in; CALL_NONE, CALL_LEAVING */
    volatile uint32_t verdict; /* enum verdict */
    struct offload_job handed; /* that call, once the carrier was taken from it */
};

struct carrier_state {
    /* Non-zero while runtime code runs: a signal handler must then only leave a note. Set on the way
     * in, cleared on the way out; a switch keeps it. */
    volatile uint32_t in_runtime;
    volatile uint32_t attention; /* ATTENTION_* bits: look before leaving the runtime */
};

#define ATTENTION_SIGNAL  1U /* a process-directed signal was noted */
#define ATTENTION_PREEMPT 2U /* the slice is over */
#define ATTENTION_REMOTE  4U /* the inbox holds completions */

/* What switches and wakes have to tell somebody: one look at `any` says that it is nothing. */
union watchers {
    struct {
        volatile uint8_t cpu_time; /* cputime.h; the carrier's */
        volatile uint8_t sample;   /* latency.h; the carrier's */
        volatile uint8_t trace;    /* trace.h; the monitor's */
    };
    volatile uint32_t any;
};

struct carrier {
    struct carrier_state kthread;
    struct co *current;     /* NULL: the carrier's own loop */
    struct kthread *thread; /* the kernel thread that runs it */
    uint64_t calls;         /* serial number of the last one that may be handed off */
    volatile bool moving;   /* taken from one kernel thread, not yet run by the next */

    struct list run_queue; /* co.link */
    uint32_t run_queue_length;
    uint32_t budget;  /* switches until the next poll */
    struct co *loser; /* woken at a futex a moment ago, and in vain before: futex_give_way */
    uint32_t favours; /* times that somebody may still be put before others, until the next poll */
    uint32_t overtakes; /* of ordinary threads by real-time ones, in a row */
    union watchers watch;
    bool no_preempt; /* code is being rewritten */
    bool idle;       /* in, or about to enter, the blocking poll */
    bool guest;      /* no carrier at all: a process that uses our memory; see guest.c */

    struct timer_heap timers;
    void *loop_sp;    /* context of the loop, on the carrier's own stack */
    void *loop_stack; /* lowest address */
    int kernel_tid;
    struct co *leaving;           /* has exited; the loop gives it to... */
    void (*leave)(struct co *co); /* ...this */

    volatile uint32_t spinning; /* ticks for which the monitor goes on expecting spinners */
    volatile uint64_t switches; /* the monitor watches it for progress */
    uint64_t polls, poll_events, io_calls; /* for observers: stat.h */
    uint64_t stall_since_ns;               /* monitor: when it first saw `switches` at this value */

    struct latency latency;
    struct trace_ring trace;
};

static inline struct kthread *this_kthread(void)
{
    struct kthread *kthread;
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(kthread) : "i"(KTHREAD_SELF));
    return kthread;
}

static inline struct carrier *this_carrier(void)
{
    struct carrier *carrier;
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(carrier) : "i"(KTHREAD_CARRIER));
    return carrier;
}

static inline struct co *this_co(void)
{
    return this_carrier()->current;
}

#endif
