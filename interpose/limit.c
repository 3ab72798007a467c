/* Time limits, see limit.h. */
#include "interpose/limit.h"

#include "interpose/cancel.h"
#include "interpose/op.h"
#include "interpose/signal.h"

struct limit *limit_due(struct limit *innermost)
{
    struct limit *due = NULL;
    for (struct limit *at = innermost; at && !at->leaving; at = at->outer) {
        if (!at->over)
            continue;
        /* Of two with the same deadline the outer one. */
        if (!due || (at->unwinds && !due->unwinds) ||
            (at->unwinds == due->unwinds && at->deadline_ns <= due->deadline_ns))
            due = at;
    }
    return due;
}

static uint32_t cancel_word(const struct co *co)
{
    if (!cancel_word_offset || !co->fs_base)
        return 0;
    return __atomic_load_n((const uint32_t *)(co->fs_base + cancel_word_offset), __ATOMIC_SEQ_CST);
}

/* Disabled cancellation, and a thread that is ending, are left alone. */
static struct limit *due_in(const struct co *co)
{
    return cancel_word(co) & (CANCEL_DISABLED | CANCEL_EXITING) ? NULL : limit_due(co->limits);
}

bool limit_ends_call(const struct co *co)
{
    return due_in(co) != NULL;
}

/* libc makes its own cancellation points asynchronous for the time of the call. */
bool limit_ends_libc_call(const struct co *co)
{
    const struct limit *due = due_in(co);
    return due && due->unwinds && co->door == DOOR_GATE && cancel_word(co) & CANCEL_ASYNCHRONOUS;
}

bool limit_keeps_result(const struct co *co)
{
    const struct limit *due = due_in(co);
    return due && !due->unwinds && !cancel_is_due(co);
}

static void interrupt(struct co *co)
{
    int result = cancel_ends_call(co) ? -EDOOR : limit_ends_libc_call(co) ? -ERESTARTSYS : 0;
    if (!result)
        return;
    if (co->job)
        offload_interrupt(co->job);
    else if (co->interruptible)
        sched_wake(co, result);
}

static void time_is_over(struct timer *timer)
{
    struct limit *limit = container_of(timer, struct limit, timer);
    limit->over = true;
    limit->co->cancelled = true;
    interrupt(limit->co);
}

void op_limit_enter(struct limit *limit)
{
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    limit->co = co;
    limit->outer = co->limits;
    limit->timer.expired = time_is_over;
    co->limits = limit;
    if (limit->deadline_ns != DEADLINE_NEVER && timer_reserve(&carrier->timers) == 0)
        timer_add(&carrier->timers, &limit->timer, limit->deadline_ns);
}

/* Is there a reason left to look closer at cancellation points? */
static bool still_cancelled(const struct co *co)
{
    for (const struct limit *at = co->limits; at; at = at->outer)
        if (at->over)
            return true;
    return !cancel_word_offset || cancel_word(co) & CANCEL_REQUESTED;
}

void op_limit_leave(struct limit *limit)
{
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    struct limit *at;
    do {
        at = co->limits;
        co->limits = at->outer;
        timer_remove(&carrier->timers, &at->timer);
    } while (at != limit);
    co->hint_kind = WAIT_NONE; /* the call may have been left by unwinding */
    if (co->cancelled)
        co->cancelled = still_cancelled(co);
}

struct limit *op_limits(void)
{
    return this_co()->limits;
}

void limit_act(struct co *co)
{
    signal_call_out(co, co->limits->leave);
}
