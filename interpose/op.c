/* What all operations share: coming in, going out, parking so that signals and cancellation can end
 * the wait, and the pace that selfishness sets. */
#include "interpose/op.h"

#include <linux/resource.h>

#include "interpose/cancel.h"
#include "interpose/limit.h"
#include "runtime/monitor.h"

bool op_begin(struct carrier *carrier)
{
    if (unlikely(carrier->guest))
        return false;
    runtime_enter(carrier);
    return true;
}

static bool wanted(struct carrier *carrier, struct co *co)
{
    return carrier->kthread.attention || signal_deliverable(co);
}

static bool restarts(long result)
{
    return unlikely(result <= -ERESTARTSYS && result >= -ERESTARTNOHAND);
}

/* Runs the handlers that are due, then decides what becomes of @result. */
static bool run_handlers(struct co *co, long *result)
{
    bool restart = true;
    uint64_t until = co->wait_until;
    co->wait_until = 0; /* not for the calls that the handlers make */
    bool ran = signal_run_handlers(co, result, &restart);
    if (unlikely(co->cancelled) && restarts(*result) && limit_ends_libc_call(co))
        limit_act(co);
    if (restarts(*result)) {
        if (cancel_ends_call(co)) {
            *result = -EDOOR;
            return false;
        }
        if (!ran || *result == -ERESTARTNOINTR || (restart && *result == -ERESTARTSYS)) {
            co->wait_until = until;
            return true;
        }
        *result = -EINTR;
    }
    return false;
}

void op_attend(struct carrier *carrier, struct co *co)
{
    if (carrier->kthread.attention & ATTENTION_SIGNAL && runtime.signals_noted)
        runtime.signals_noted();
    if (carrier->kthread.attention & ATTENTION_REMOTE)
        runtime_drain_inbox();
    if (carrier->kthread.attention & ATTENTION_PREEMPT) {
        __atomic_fetch_and(&carrier->kthread.attention, ~ATTENTION_PREEMPT, __ATOMIC_SEQ_CST);
        sched_note_preemption(carrier, co, 0);
        sched_yield_polling();
    }
}

bool op_finish(struct carrier *carrier, struct co *co, long *result)
{
    if (unlikely(carrier->watch.trace))
        trace_return(carrier, co, *result);
    if (unlikely(fault.on) && *result != OP_PASS)
        fault_delay();
    for (;;) {
        if (likely(!wanted(carrier, co) && !restarts(*result))) {
            runtime_leave(carrier);
            if (likely(!wanted(carrier, co)))
                return false;
            runtime_enter(carrier); /* noted between the look and the leaving */
        }
        op_attend(carrier, co);
        if (run_handlers(co, result))
            return true;
    }
}

bool op_hand_over(struct carrier *carrier, struct co *co, long result)
{
    if (!signal_deliverable(co) || co->signals.restore_mask || co->cancelled)
        return false;
    co->handed = result;
    co->door = DOOR_HANDED;
    runtime_leave(carrier);
    return true;
}

/* What ends a wait before it begins. A cancellation that came after the door had looked, while a
 * handler ran or others did, finds nobody parked to be woken. */
int op_interrupted(const struct co *co)
{
    if (unlikely(signal_deliverable(co)))
        return -ERESTARTSYS;
    if (likely(!co->cancelled))
        return 0;
    return cancel_ends_call(co) ? -EDOOR : limit_ends_libc_call(co) ? -ERESTARTSYS : 0;
}

/* CORO_FAULT: how a wait ends at once; -EAGAIN: it does not. A wait with a deadline is not
 * restarted, lest it begin anew, nor one that has moved bytes, which would be the result; and the
 * wait for a mutex knows no EINTR. */
static COLD int faulty_wait(uint64_t deadline_ns)
{
    if (deadline_ns == DEADLINE_NEVER && !this_co()->moved && fault_roll(FAULT_RESTART))
        return -ERESTARTSYS;
    if (this_co()->wait.kind != WAIT_MUTEX && fault_roll(FAULT_EINTR))
        return -EINTR;
    return fault_roll(FAULT_WAKE) ? 0 : -EAGAIN;
}

int op_park(uint64_t deadline_ns)
{
    struct co *co = this_co();
    int error = op_interrupted(co);
    if (unlikely(error))
        return error;
    if (deadline_ns == DEADLINE_NEVER && fault_happens(FAULT_RESTART))
        return -ERESTARTSYS;
    co->interruptible = true;
    int result = sched_park(deadline_ns);
    co->interruptible = false;
    return result;
}

int op_fd_wait(struct fd_waiter *waiter, bool for_write, uint64_t deadline_ns)
{
    struct co *co = this_co();
    int error = op_interrupted(co);
    if (unlikely(error))
        return error;
    int faulty = unlikely(fault.on) ? faulty_wait(deadline_ns) : -EAGAIN;
    if (unlikely(faulty != -EAGAIN))
        return faulty;
    co->interruptible = true;
    int result = fd_wait(waiter, for_write, deadline_ns);
    co->interruptible = false;
    return result;
}

int op_futex_park(uint32_t *word, uint32_t expected, uint32_t bits, uint64_t deadline_ns)
{
    struct co *co = this_co();
    int error = op_interrupted(co);
    if (unlikely(error))
        return error;
    int faulty = unlikely(fault.on) ? faulty_wait(deadline_ns) : -EAGAIN;
    if (unlikely(faulty != -EAGAIN) && __atomic_load_n(word, __ATOMIC_SEQ_CST) == expected)
        return faulty;
    co->interruptible = true;
    int result = futex_wait(word, expected, bits, deadline_ns);
    co->interruptible = false;
    return result;
}

/* A write beyond the limit for files raises SIGXFSZ, but a helper blocks all signals. Beyond what a
 * file system can hold there is none. */
static long raise_for(long result)
{
    struct rlimit64 limit;
    if (unlikely(result == -EFBIG) && sys4(__NR_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) == 0 &&
        limit.rlim_cur != RLIM64_INFINITY)
        signal_raise(SIGXFSZ);
    return result;
}

long op_offload_moved(long nr, const long argument[6])
{
    return raise_for(offload_call(nr, argument));
}

long op_offload_finite_call(long nr, const long argument[6])
{
    return raise_for(offload_finite(nr, argument));
}

/* A signal that came since the call began, while others ran, is taken for one that came before it. */
static int interrupted_before(void)
{
    const struct co *co = this_co();
    return unlikely(signal_deliverable(co)) ? -ERESTARTNOINTR : op_interrupted(co);
}

long op_offload_call(long nr, const long argument[6])
{
    int error = interrupted_before();
    return unlikely(error) ? error : op_offload_moved(nr, argument);
}

long op_offload_try(long nr, const long argument[6])
{
    int error = interrupted_before();
    return unlikely(error) ? error : offload_try(nr, argument);
}

void op_refill_pace(struct co *co)
{
    co->calls_before += co->calls - 1;
    co->calls = 1;
}

void op_pace(bool takes)
{
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    carrier->io_calls++;
    uint32_t most = co->selfishness ? co->selfishness : runtime.selfishness;
    if (likely(co->calls++ < (takes ? most : 2 * most)))
        return;
    op_refill_pace(co);
    sched_yield_co();
}

int op_deadline(const struct __kernel_timespec *relative, uint64_t *deadline_ns)
{
    *deadline_ns = DEADLINE_NEVER;
    if (!relative)
        return 0;
    struct __kernel_timespec time;
    if (user_copy(&time, relative, sizeof(time)) != 0)
        return -EFAULT;
    if (!timespec_valid(&time))
        return -EINVAL;
    *deadline_ns = deadline_after(clock_now(&runtime.clock), timespec_ns(&time));
    return 0;
}
