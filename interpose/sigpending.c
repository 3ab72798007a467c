/* Pending signals. Those for one thread are with it. Those for the process are in the kernel when
 * every thread blocks them (sigmask.c), in process_signals.pending when they came in and then nobody
 * could take them, and with a thread that was chosen and has not run yet (`routed`): they go to
 * another when it blocks them or ends; where no other could take them they stay until one can
 * (`left_behind`). */
#include "interpose/signal.h"

#include <linux/fcntl.h>
#include <linux/resource.h>

#define SIGNAL_SIZE  8
#define ALL_SIGNALS  (~UINT64_C(0))
#define FIRST_QUEUED 32 /* a standard signal is pending once, the others as often as sent */
#define STATUS_BYTES 4096

/* Signals of instructions come before others, as in the kernel. */
#define SYNCHRONOUS                                                                                \
    (sigbit(SIGSEGV) | sigbit(SIGBUS) | sigbit(SIGILL) | sigbit(SIGTRAP) | sigbit(SIGFPE) |        \
     sigbit(SIGSYS))

static struct process_signals *const ps = &process_signals;

/* A timer has one signal pending at most, which counts the others. */
static bool overrun(struct sig_pending *pending, const siginfo_t *info)
{
    for (struct sig_queued *queued = pending->first; queued; queued = queued->next) {
        if (queued->info.si_code == SI_TIMER && queued->info.si_signo == info->si_signo &&
            queued->info.si_tid == info->si_tid) {
            queued->info.si_overrun += 1 + info->si_overrun;
            return true;
        }
    }
    return false;
}

static bool last_is_not_after(const struct sig_pending *pending, int signal)
{
    return pending->last &&
           container_of(pending->last, struct sig_queued, next)->info.si_signo <= signal;
}

/* Lists are in order of numbers. */
void pending_add(struct sig_pending *pending, int signal, const siginfo_t *info)
{
    if (pending->set & sigbit(signal) &&
        (info->si_code == SI_TIMER ? overrun(pending, info) : signal < FIRST_QUEUED))
        return;
    if (!ps->queued_pool.object_bytes)
        pool_init(&ps->queued_pool, sizeof(struct sig_queued));
    struct sig_queued *queued = pool_get(&ps->queued_pool);
    if (!queued)
        return;
    queued->info = *info;
    struct sig_queued **link =
        pending->first && last_is_not_after(pending, signal) ? pending->last : &pending->first;
    while (*link && (*link)->info.si_signo <= signal)
        link = &(*link)->next;
    queued->next = *link;
    *link = queued;
    if (!queued->next)
        pending->last = &queued->next;
    pending->set |= sigbit(signal);
    ps->queued++;
}

static void remove_at(struct sig_pending *pending, struct sig_queued **link)
{
    struct sig_queued *queued = *link;
    *link = queued->next;
    if (!queued->next)
        pending->last = link;
    pool_put(&ps->queued_pool, queued);
    ps->queued--;
}

/* Of @set, which is not empty. */
static int first_of(sigbits set)
{
    return __builtin_ctzll(set & SYNCHRONOUS ? set & SYNCHRONOUS : set) + 1;
}

int signal_first_due(const struct co *co)
{
    sigbits own = co->signals.pending.set & ~co->signals.mask;
    return first_of(own ? own : co->signals.routed.set & ~co->signals.mask);
}

/* Lowest number first, and within one number in order of arrival. */
bool pending_take(struct sig_pending *pending, sigbits set, siginfo_t *info)
{
    sigbits ready = pending->set & set;
    if (!ready)
        return false;
    int signal = first_of(ready);
    struct sig_queued **link = &pending->first;
    while ((*link)->info.si_signo != signal)
        link = &(*link)->next;
    *info = (*link)->info;
    remove_at(pending, link);
    if (!*link || (*link)->info.si_signo != signal)
        pending->set &= ~sigbit(signal);
    if (info->si_code == SI_TIMER)
        signal_timer_given(info);
    return true;
}

void pending_withdraw(struct sig_pending *pending, int timer)
{
    struct sig_queued **link = &pending->first;
    sigbits left = 0;
    while (pending->set && *link) {
        const siginfo_t *info = &(*link)->info;
        if (info->si_code == SI_TIMER && info->si_tid == timer) {
            remove_at(pending, link);
            continue;
        }
        left |= sigbit(info->si_signo);
        link = &(*link)->next;
    }
    pending->set = left;
}

bool pending_take_given(struct co *co, sigbits set, siginfo_t *info)
{
    return pending_take(&co->signals.pending, set, info) ||
           pending_take(&co->signals.routed, set, info);
}

void pending_remove(struct sig_pending *pending, sigbits set)
{
    siginfo_t info;
    while (pending_take(pending, set, &info))
        ;
}

void pending_remove_given(struct co *co, sigbits set)
{
    pending_remove(&co->signals.pending, set);
    pending_remove(&co->signals.routed, set);
}

bool pending_refuses(int signal, const siginfo_t *info)
{
    uint64_t limit[2];
    if (signal < FIRST_QUEUED || info->si_code == SI_USER)
        return false;
    return sys4(__NR_prlimit64, 0, RLIMIT_SIGPENDING, NULL, limit) == 0 && ps->queued >= limit[0];
}

void pending_route_again(struct co *co, sigbits set)
{
    siginfo_t info;
    set &= co->signals.routed.set;
    if (likely(!set))
        return;
    sigbits stay = co->state == CO_DEAD ? 0 : set & signal_kept_by_all();
    ps->left_behind |= stay;
    while (pending_take(&co->signals.routed, set & ~stay, &info))
        signal_route(info.si_signo, &info);
}

void signal_forget_co(struct co *co)
{
    pending_route_again(co, ALL_SIGNALS);
    pending_remove_given(co, ALL_SIGNALS);
    signal_free_side_stack(co);
    signal_mask_end(co);
}

void pending_collect(sigbits set)
{
    struct list *node, *after;
    siginfo_t info;
    set &= ps->left_behind;
    if (likely(!set))
        return;
    ps->left_behind &= ~set;
    list_for_each (node, after, &runtime.all) {
        struct co *co = container_of(node, struct co, all);
        while (pending_take(&co->signals.routed, set & co->signals.mask, &info))
            pending_add(&ps->pending, info.si_signo, &info);
    }
}

static bool take_in_kernel(sigbits set, siginfo_t *info)
{
    struct __kernel_timespec now = { 0 };
    return set && sys4(__NR_rt_sigtimedwait, &set, info, &now, SIGNAL_SIZE) > 0;
}

bool pending_take_waited(struct co *co, sigbits set, siginfo_t *info)
{
    if (pending_take_given(co, set, info))
        return true;
    pending_collect(set);
    sigbits here = ps->pending.set & set, lower = here ? (here & -here) - 1 : ALL_SIGNALS;
    return take_in_kernel(set & ps->resting_mask & lower, info) ||
           pending_take(&ps->pending, set, info);
}

long op_rt_sigpending(sigbits *set, size_t size)
{
    const struct co *co = this_co();
    if (size > SIGNAL_SIZE)
        return -EINVAL;
    sigbits pending = 0;
    pending_collect(ALL_SIGNALS);
    if (ps->resting_mask)
        sys2(__NR_rt_sigpending, &pending, SIGNAL_SIZE);
    pending |= co->signals.pending.set | co->signals.routed.set | ps->pending.set;
    pending &= co->signals.mask;
    return user_copy(set, &pending, size);
}

/* What the kernel holds for this thread alone: no call tells it from the process's. */
static sigbits own_in_kernel(void)
{
    char text[STATUS_BYTES];
    long fd = sys4(__NR_openat, AT_FDCWD, "/proc/thread-self/status", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    long bytes = sys3(__NR_read, fd, text, sizeof(text));
    sys1(__NR_close, fd);
    return signal_described_set(text, bytes, "SigPnd:\t");
}

void pending_take_over(struct co *co)
{
    siginfo_t info;
    sigbits any = 0;
    sys2(__NR_rt_sigpending, &any, SIGNAL_SIZE);
    while (any && (any = own_in_kernel()) && take_in_kernel(any, &info))
        pending_add(&co->signals.pending, info.si_signo, &info);
}

static void hand_over_own(const siginfo_t *info)
{
    sys4(__NR_rt_tgsigqueueinfo, runtime.pid, runtime.carrier.kernel_tid, info->si_signo, info);
    ps->handed_over.set |= sigbit(info->si_signo);
    ps->handed_over.count++;
}

/* The kernel may refuse it: see give_back_pending. */
static void hand_over(const siginfo_t *info)
{
    if (sys3(__NR_rt_sigqueueinfo, runtime.pid, info->si_signo, info) < 0)
        hand_over_own(info);
}

/* exec keeps what is pending for its caller and for the process: the kernel must have it. */
void pending_hand_over(struct co *co)
{
    siginfo_t info;
    while (pending_take(&co->signals.pending, co->signals.mask, &info))
        hand_over_own(&info);
    while (pending_take(&co->signals.routed, co->signals.mask, &info))
        hand_over(&info);
    while (pending_take(&ps->pending, co->signals.mask, &info))
        hand_over(&info);
}

/* The kernel gives out a thread's own before the process's. */
void pending_take_back(struct co *co)
{
    siginfo_t info;
    for (; ps->handed_over.count; ps->handed_over.count--) {
        if (take_in_kernel(ps->handed_over.set, &info))
            pending_add(&co->signals.pending, info.si_signo, &info);
    }
    ps->handed_over.set = 0;
}
