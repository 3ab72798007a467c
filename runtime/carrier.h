/* A carrier: a kernel thread that runs coroutines, one at a time. Its state hangs off the GS base,
 * so that code below the gate finds it without TLS, whatever the FS base is. */
#ifndef CORO_CARRIER_H
#define CORO_CARRIER_H

#include "runtime/arch/x86_64/layout.h"
#include "runtime/base.h"
#include "runtime/list.h"
#include "runtime/timer.h"

struct co;

/* What every kernel thread of ours has at its GS base. */
struct kthread {
    struct kthread *self;
    /* Non-zero while runtime code runs on this thread: a signal handler must then only leave a
     * note. Set on the way in, cleared on the way out; a switch keeps it. */
    volatile uint32_t in_runtime;
    volatile uint32_t attention; /* ATTENTION_* bits: look before leaving the runtime */
    void *stack;                 /* its own, lowest address; NULL: not made by kthread_start */
};

#define ATTENTION_SIGNAL  1U /* a process-directed signal was noted */
#define ATTENTION_PREEMPT 2U /* the slice is over */
#define ATTENTION_REMOTE  4U /* the inbox holds completions */

struct carrier {
    struct kthread kthread; /* GS base points here */
    struct co *current;     /* NULL: the carrier's own loop */

    struct list run_queue; /* co.link */
    uint32_t run_queue_length;
    uint32_t budget;  /* switches until the next poll */
    uint32_t favours; /* times that somebody may still be put before others, until the next poll */
    uint32_t overtakes; /* of ordinary threads by real-time ones, in a row */
    bool no_preempt;    /* code is being rewritten */
    bool idle;          /* in, or about to enter, the blocking poll */
    int vfork_child;    /* a vfork child may be using our memory: tells by its pid; see process.c */

    struct timer_heap timers;
    void *loop_sp;    /* context of the loop, on the carrier's own stack */
    void *loop_stack; /* lowest address */
    int kernel_tid;
    struct co *leaving;           /* has exited; the loop gives it to... */
    void (*leave)(struct co *co); /* ...this */

    volatile uint32_t spinning; /* ticks for which the monitor goes on expecting spinners */
    volatile uint64_t switches; /* the monitor watches it for progress */
    uint64_t stall_since_ns;    /* monitor: when it first saw `switches` at this value */
};

static inline struct carrier *this_carrier(void)
{
    struct carrier *carrier;
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(carrier) : "i"(KTHREAD_SELF));
    return carrier;
}

static inline struct co *this_co(void)
{
    return this_carrier()->current;
}

#endif
