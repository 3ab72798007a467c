/* Signals that come from descriptors and timers.
 *
 * signalfd reads what is pending in the kernel. So for the signals of every signalfd the kernel's
 * mask follows the program's: a signal that all threads block is blocked in the kernel too, and
 * waits there for its reader.
 *
 * A timer may name the thread that its signal is for, by a tid that the kernel doesn't know: it is
 * created for the carrier, and its signals are given to that thread here. */
#include "interpose/signal.h"

#include <linux/fcntl.h>

#define SIGNALFD_NONBLOCK 04000
#define NOTIFY_THREAD_ID  4 /* SIGEV_THREAD_ID */
#define EVENT_BYTES       64
#define TIMERS_MAX        4096

static struct process_signals *const ps = &process_signals;

struct thread_timer {
    int id;
    uint32_t tid; /* 0: free */
};

static struct {
    struct thread_timer *timer;
    uint32_t count;
} timers;

void signal_update_resting_mask(void)
{
    if (likely(!ps->signalfd_set))
        return;
    sigbits mask = ps->signalfd_set;
    struct list *node, *after;
    list_for_each (node, after, &runtime.all) {
        struct co *co = container_of(node, struct co, all);
        if (co->state != CO_DEAD)
            mask &= co->signals.mask & ~co->signals.waiting;
    }
    if (mask == ps->resting_mask)
        return;
    ps->resting_mask = mask;
    signal_rest();
}

long op_signalfd4(int fd, const sigbits *set, size_t size, int flags)
{
    sigbits wanted;
    if (size != sizeof(wanted))
        return -EINVAL;
    if (user_copy(&wanted, set, sizeof(wanted)) != 0)
        return -EFAULT;
    long result = sys4(__NR_signalfd4, fd, &wanted, size, flags);
    if (result < 0)
        return result;
    if (fd == -1)
        fd_opened((int)result, FD_OTHER, flags & SIGNALFD_NONBLOCK);
    ps->signalfd_set |= wanted & ~SIGBITS_UNBLOCKABLE;
    /* What came before is pending here: the kernel must have it, or the reader never will. */
    siginfo_t info;
    signal_update_resting_mask();
    while (pending_take(&ps->pending, ps->resting_mask, &info))
        sys3(__NR_rt_sigqueueinfo, runtime.pid, info.si_signo, &info);
    return result;
}

static struct thread_timer *timer_slot(int id, bool make)
{
    struct thread_timer *spare = NULL;
    for (uint32_t i = 0; i < timers.count; i++) {
        if (timers.timer[i].tid && timers.timer[i].id == id)
            return &timers.timer[i];
        if (!timers.timer[i].tid)
            spare = &timers.timer[i];
    }
    if (!make || spare)
        return make ? spare : NULL;
    if (!timers.timer && !(timers.timer = pages_map(TIMERS_MAX * sizeof(*timers.timer))))
        return NULL;
    return timers.count < TIMERS_MAX ? &timers.timer[timers.count++] : NULL;
}

struct sig_event { /* struct sigevent */
    uint64_t value;
    int signal, notify, tid;
    char rest[EVENT_BYTES - 20];
};

long op_timer_create(int clock, void *event, int *id)
{
    struct sig_event asked;
    if (!event)
        return OP_PASS;
    if (user_copy(&asked, event, sizeof(asked)) != 0)
        return -EFAULT;
    if (asked.notify != NOTIFY_THREAD_ID || asked.signal < 1 || asked.signal > SIGNALS)
        return OP_PASS;
    struct co *co = co_by_tid((uint32_t)asked.tid);
    if (!co)
        return -EINVAL;
    asked.tid = runtime.carrier.kernel_tid;
    signal_catch(sigbit(asked.signal));
    long result = sys3(__NR_timer_create, clock, &asked, id);
    struct thread_timer *slot = result == 0 ? timer_slot(*id, true) : NULL;
    if (slot)
        *slot = (struct thread_timer){ .id = *id, .tid = co->tid };
    return result;
}

long op_timer_delete(int id)
{
    struct thread_timer *slot = timer_slot(id, false);
    if (slot)
        slot->tid = 0;
    return sys1(__NR_timer_delete, id);
}

bool signal_is_for_thread(const siginfo_t *info, struct co **co)
{
    if (info->si_code != SI_TIMER)
        return false;
    struct thread_timer *slot = timer_slot(info->si_tid, false);
    if (!slot)
        return false;
    *co = co_by_tid(slot->tid);
    return true;
}
