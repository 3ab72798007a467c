/* Masks. A signal that every thread blocks is blocked in the kernel, too: there it waits as it does
 * natively, with its limits, its timers' overruns, its way through exec and to signalfds. Any other
 * comes in, and sigroute.c finds the thread that takes it.
 *
 * So we count, for each signal, the threads that keep it out: those that block it and do not wait
 * for it. What a handler blocks while it runs counts as well. Every thread that ends blocks all
 * signals first, so the 64 counters are counted together: word b of them holds bit b of each. */
#include "interpose/signal.h"

#include "runtime/kthread.h"
#include "shim/conf.h"

#define SIGNAL_SIZE 8
#define SET_MASK    2

/* The runtime stands on the kick and on faults of its own. */
#define NEVER_BLOCKED (SIGBITS_UNBLOCKABLE | sigbit(KICK_SIGNAL) | sigbit(SIGSEGV) | sigbit(SIGBUS))

/* A call that fails raises these for its thread, whose mask alone counts: from the first thread on that
 * blocks one, they come to us, whatever the others block. Were they to wait in the kernel, nobody could tell
 * them from the process's own afterwards. */
#define RAISED_BY_CALLS (sigbit(SIGPIPE) | sigbit(SIGXFSZ))

static struct process_signals *const ps = &process_signals;

#define COUNTER_BITS 32

static struct {
    uint32_t threads;
    sigbits
        keepers[COUNTER_BITS]; /* bit s of word b: bit b of the number that keep out signal s + 1 */
    sigbits kept_by_all;
} masks;

void signal_set_kernel_mask(sigbits mask)
{
    ps->kernel_mask = mask;
    sys4(__NR_rt_sigprocmask, SET_MASK, &mask, NULL, SIGNAL_SIZE);
}

void signal_set_kernel_mask_for_now(sigbits mask)
{
    sys4(__NR_rt_sigprocmask, SET_MASK, &mask, NULL, SIGNAL_SIZE);
}

void signal_rest(void)
{
    signal_set_kernel_mask(ps->resting_mask);
}

static void count_up(sigbits carry)
{
    for (int bit = 0; carry; bit++) {
        sigbits next = masks.keepers[bit] & carry;
        masks.keepers[bit] ^= carry;
        carry = next;
    }
}

static void count_down(sigbits borrow)
{
    for (int bit = 0; borrow; bit++) {
        sigbits next = ~masks.keepers[bit] & borrow;
        masks.keepers[bit] ^= borrow;
        borrow = next;
    }
}

/* Those whose counter is the number of threads. No counter is larger. */
static void compare_with_all(void)
{
    sigbits equal = ~UINT64_C(0);
    for (int bit = 0; masks.threads >> bit; bit++)
        equal &= masks.threads >> bit & 1 ? masks.keepers[bit] : ~masks.keepers[bit];
    masks.kept_by_all = equal;
}

static void keep_out(struct co *co, sigbits kept)
{
    sigbits before = co->signals.kept;
    co->signals.kept = kept;
    count_up(kept & ~before);
    count_down(before & ~kept);
    compare_with_all();
}

/* What nobody can take any more and came in before waits in the kernel with what is to come. The kernel
 * takes kill's back from the process's first thread alone (kernel/signal.c: do_rt_sigqueueinfo compares with the
 * caller's tid); once a call was handed off, that may not be us. */
static void give_back_pending(void)
{
    struct sig_pending refused = { 0 };
    siginfo_t info;
    while (pending_take(&ps->pending, ps->resting_mask, &info)) {
        if (sys3(__NR_rt_sigqueueinfo, runtime.pid, info.si_signo, &info) < 0)
            pending_add(&refused, info.si_signo, &info);
    }
    while (pending_take(&refused, ~UINT64_C(0), &info))
        pending_add(&ps->pending, info.si_signo, &info);
}

/* What all threads keep out, and may wait in the kernel. A signalfd finds it nowhere else. */
static sigbits may_wait_there(void)
{
    sigbits ours = RAISED_BY_CALLS & ps->ever_waited & ~ps->signalfd_set;
    return masks.kept_by_all & ~NEVER_BLOCKED & ~ours & ~ps->never_rests;
}

void signal_mask_follow(void)
{
    sigbits mask = masks.threads ? may_wait_there() : 0;
    if (unlikely(ps->dispatching)) /* calls come as SIGSYS: trapped.c */
        mask &= ~sigbit(SIGSYS);
    if (unlikely(conf.dump_signal)) /* it is not the program's to block */
        mask &= ~sigbit((int)conf.dump_signal);
    if (likely(mask == ps->resting_mask))
        return;
    ps->resting_mask = mask;
    signal_rest();
    give_back_pending();
}

/* glibc blocks everything, its own two signals too, for a moment around every clone: the kernel need
 * not follow. No program's mask holds those two (sigfillset leaves them out). */
static bool is_momentary(sigbits mask)
{
    const sigbits own = sigbit(32) | sigbit(33);
    return (mask & own) == own;
}

void signal_mask_begin(struct co *co, sigbits mask)
{
    memset(&masks, 0, sizeof(masks));
    masks.threads = 1;
    co->signals.mask = mask & ~SIGBITS_UNBLOCKABLE;
    co->signals.kept = 0;
    keep_out(co, co->signals.mask);
    ps->ever_waited |= mask & RAISED_BY_CALLS; /* installed with the others */
    ps->resting_mask = may_wait_there();
}

void signal_mask_inherit(struct co *co, const struct co *parent)
{
    co->signals.mask = parent->signals.mask;
    co->signals.kept = 0;
    masks.threads++;
    keep_out(co, parent->signals.kept);
    signal_mask_follow();
}

void signal_mask_end(struct co *co)
{
    keep_out(co, 0);
    masks.threads--;
    compare_with_all();
    co->signals.mask = ~UINT64_C(0); /* it takes nothing any more */
    signal_mask_follow();
}

void signal_set_mask(struct co *co, sigbits mask)
{
    siginfo_t info;
    co->signals.mask = mask & ~SIGBITS_UNBLOCKABLE;
    sigbits kept = co->signals.mask & ~co->signals.waiting;
    pending_collect(~co->signals.mask);
    if (unlikely(kept != co->signals.kept) && !is_momentary(mask)) {
        signal_catch(kept & RAISED_BY_CALLS);
        keep_out(co, kept);
        signal_mask_follow();
    }
    pending_route_again(co, kept);
    while (pending_take(&ps->pending, ~co->signals.mask, &info))
        signal_route(info.si_signo, &info);
}

sigbits signal_kept_by_all(void)
{
    return masks.kept_by_all;
}

void signal_keep_from_resting(sigbits set)
{
    ps->never_rests |= set;
    signal_mask_follow();
}

void signal_wait_for(struct co *co, sigbits set)
{
    co->signals.waiting = set;
    keep_out(co, co->signals.mask & ~set);
    signal_mask_follow();
}

sigbits signal_push_mask(struct co *co, const sigbits *mask)
{
    sigbits old = co->signals.mask;
    if (mask)
        signal_set_mask(co, *mask);
    return old;
}

/* After a call with a mask of its own: the handlers it let in run first, then the old mask is back.
 */
long signal_pop_mask(struct co *co, const sigbits *mask, sigbits old, long result)
{
    if (!mask)
        return result;
    if (signal_deliverable(co) && (result == -ERESTARTSYS || result == -ERESTARTNOHAND)) {
        co->signals.saved_mask = old;
        co->signals.restore_mask = true;
        return -ERESTARTNOHAND;
    }
    signal_set_mask(co, old);
    return result == -ERESTARTSYS ? -ERESTARTNOHAND : result;
}

long op_rt_sigprocmask(int how, const sigbits *set, sigbits *old, size_t size)
{
    struct co *co = this_co();
    sigbits before = co->signals.mask;
    if (size != SIGNAL_SIZE)
        return -EINVAL;
    if (set) {
        sigbits given;
        if (user_get(given, set) != 0)
            return -EFAULT;
        if (how < 0 || how > SET_MASK)
            return -EINVAL;
        sigbits next = how == 0 ? before | given : how == 1 ? before & ~given : given;
        signal_set_mask(co, next);
    }
    return old ? user_put(old, before) : 0;
}
