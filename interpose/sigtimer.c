/* Timers that the kernel can't keep as the program asked.
 *
 * SIGEV_THREAD_ID names a thread by a tid that the kernel doesn't know: the timer is made for the process, and
 * its signals are given to that thread here. They never rest in the kernel, where any thread would find them.
 * So what the kernel does for a pending one is done here: it counts its overruns (sigpending.c) for
 * timer_getoverrun, and is withdrawn when the timer is set anew or deleted. */
#include "interpose/signal.h"

#include <linux/utsname.h>

#include "shim/log.h"

#define NOTIFY_SIGNAL    0 /* SIGEV_SIGNAL */
#define NOTIFY_THREAD_ID 4 /* SIGEV_THREAD_ID */
#define EVENT_BYTES      64
#define TIMERS_MAX       4096

static struct process_signals *const ps = &process_signals;

struct kept_timer {
    bool used;
    int id;
    int overrun;  /* of the signal that was given last */
    uint32_t tid; /* whom its signals are for */
};

static struct {
    struct kept_timer *timer;
    uint32_t count;
} timers;

static struct kept_timer *find(int id)
{
    for (uint32_t i = 0; i < timers.count; i++) {
        if (timers.timer[i].used && timers.timer[i].id == id)
            return &timers.timer[i];
    }
    return NULL;
}

/* A free place for a timer that is made; NULL: there is none. */
static struct kept_timer *place(void)
{
    if (!timers.timer && !(timers.timer = pages_map(TIMERS_MAX * sizeof(*timers.timer))))
        return NULL;
    for (uint32_t i = 0; i < timers.count; i++) {
        if (!timers.timer[i].used)
            return &timers.timer[i];
    }
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
    if (user_get(asked, event) != 0)
        return -EFAULT;
    if (asked.notify != NOTIFY_THREAD_ID || asked.signal < 1 || asked.signal > SIGNALS)
        return OP_PASS;
    struct co *co = co_by_tid((uint32_t)asked.tid);
    if (!co)
        return -EINVAL;
    struct kept_timer *timer = place();
    if (!timer)
        return -EAGAIN;
    asked.notify = NOTIFY_SIGNAL; /* whichever kernel thread takes it */
    long result = sys3(__NR_timer_create, clock, &asked, id);
    if (result != 0)
        return result;
    *timer = (struct kept_timer){ .used = true, .id = *id, .tid = co->tid };
    signal_catch(sigbit(asked.signal));
    signal_keep_from_resting(sigbit(asked.signal));
    return 0;
}

/* From Linux 6.13 on, a signal that is pending when its timer is set or deleted is given to nobody. */
static bool kernel_withdraws(void)
{
    static int answer; /* 1: yes; -1: no; 0: not asked yet */
    struct new_utsname name;
    unsigned version[2] = { 0 };
    if (answer || sys1(__NR_uname, &name) != 0)
        return answer > 0;
    const char *digit = name.release;
    for (int part = 0; part < 2; part++, digit++) {
        for (; *digit >= '0' && *digit <= '9'; digit++)
            version[part] = version[part] * 10 + (unsigned)(*digit - '0');
    }
    answer = version[0] > 6 || (version[0] == 6 && version[1] >= 13) ? 1 : -1;
    return answer > 0;
}

/* Until signal_rest no signal comes, and those that came are with their threads. */
static void hold_signals(void)
{
    for (;;) {
        signal_set_kernel_mask_for_now(~UINT64_C(0));
        if (!(runtime.carrier.kthread.attention & ATTENTION_SIGNAL) || !runtime.signals_noted)
            return;
        runtime.signals_noted();
    }
}

static void withdraw(struct kept_timer *timer)
{
    struct co *co = co_by_tid(timer->tid);
    timer->overrun = 0;
    if (co && kernel_withdraws())
        pending_withdraw(&co->signals.pending, timer->id);
}

long op_timer_settime(int id, int flags, const struct __kernel_itimerspec *value,
                      struct __kernel_itimerspec *old)
{
    struct kept_timer *timer = find(id);
    if (!timer)
        return OP_PASS;
    hold_signals();
    long result = sys4(__NR_timer_settime, id, flags, value, old);
    if (result == 0)
        withdraw(timer);
    signal_rest();
    return result;
}

long op_timer_getoverrun(int id)
{
    const struct kept_timer *timer = find(id);
    return timer ? timer->overrun : OP_PASS;
}

long op_timer_delete(int id)
{
    struct kept_timer *timer = find(id);
    if (!timer)
        return OP_PASS;
    hold_signals();
    long result = sys1(__NR_timer_delete, id);
    withdraw(timer);
    signal_rest();
    timer->used = false;
    return result;
}

void signal_timer_given(const siginfo_t *info)
{
    struct kept_timer *timer = find(info->si_tid);
    if (timer)
        timer->overrun = info->si_overrun;
}

bool signal_is_for_thread(const siginfo_t *info, struct co **co)
{
    if (info->si_code != SI_TIMER)
        return sigio_is_for_thread(info, co);
    const struct kept_timer *timer = find(info->si_tid);
    if (timer)
        *co = co_by_tid(timer->tid);
    return timer != NULL;
}

void signal_timers_reset(void)
{
    timers.count = 0;
    ps->never_rests = 0;
}
