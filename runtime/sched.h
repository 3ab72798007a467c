/* The scheduler: who runs next on this carrier.
 *
 * All of it runs with in_runtime set, on the carrier's kernel thread. A park switches straight to
 * the next runnable coroutine; when there is none, or the budget of switches is used up, to the
 * carrier's loop, which expires timers, polls and runs completions on its own stack. */
#ifndef CORO_SCHED_H
#define CORO_SCHED_H

#include "runtime/runtime.h"

/* Switches between two polls while there is always somebody to run; fewer when they take longer than a tick of
 * the monitor. */
#define SCHED_BUDGET 64

/* CORO_PRIORITY: who goes before the runnable ones when woken: those that a thread wakes, those that
 * the loop wakes because a descriptor is ready or a time has come. */
#define FAVOUR_WOKEN_BY_THREAD 1U
#define FAVOUR_WOKEN_BY_EVENT  2U
#define FAVOUR_OWN             4U /* in co.favoured: the rest is the thread's, not the process's */

/* Favours between two polls, so that two threads which wake each other don't keep the rest out. */
#define SCHED_FAVOURS (SCHED_BUDGET / 4)

/* Prepares the loop's context on the carrier's own stack. Returns 0 or -ENOMEM. */
int sched_init(struct carrier *carrier);

/* Parks the running coroutine until sched_wake or @deadline_ns. Returns sched_wake's result, or
 * -ETIMEDOUT; -ERESTARTSYS when a signal handler must run first and interruptible is set.
 * co->wait says what it waits on. PARKS. */
int sched_park(uint64_t deadline_ns);

/* The same; or, with @first, which is parked: ends its park with 0 and lets it run at once, the running one
 * behind all others. Then returns 0. PARKS. */
int sched_park_or_follow(uint64_t deadline_ns, struct co *first);

/* Ends the park of @co with @result: it runs after those already runnable. False: not parked. */
bool sched_wake(struct co *co, int result);

/* @co was just woken: it goes before those already runnable, while favours last. */
void sched_run_first(struct co *co);

/* Makes a CO_NEW coroutine runnable. */
void sched_start(struct co *co);

/* Lets the other runnable coroutines run once; at once back when there are none. PARKS. */
void sched_yield_co(void);

/* The same by way of the poller: whoever has become ready runs too. PARKS. */
void sched_yield_polling(void);

/* The slice of the running coroutine is over, in program code at @pc, and others are to run: see monitor.c
 * for what becomes of one that spins. True when one of its last two ended there as well. */
bool sched_meet(uintptr_t pc, uintptr_t sp);

/* The slice of @co is over, for observers; @pc is 0 when it is met in a call. */
void sched_note_preemption(struct carrier *carrier, struct co *co, uintptr_t pc);

/* fn(argument), with the vector registers kept that @co's present call has alive. */
long simd_call(const struct co *co, long (*fn)(void *), void *argument);

/* Ends the running coroutine; never returns. Its stack may be gone at any time after @leave was
 * called, which runs on the carrier's own stack. */
void sched_exit(void (*leave)(struct co *co)) __attribute__((noreturn));

/* Changes the state for observers. */
static inline void co_set_state(struct co *co, enum co_state state)
{
    co->state = (uint8_t)state;
    co->since_ns = runtime.coarse_ns;
}

/* Says what the running coroutine is about to wait on. */
static inline void co_waits(struct co *co, struct co_wait wait)
{
    co->wait = wait;
}

#endif
