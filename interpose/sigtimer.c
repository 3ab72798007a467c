/* Timers that the kernel can't keep as the program asked.
 *
 * SIGEV_THREAD_ID names a thread by a tid that the kernel doesn't know: the timer is made for the process, and
 * its signals are given to that thread here. They never rest in the kernel, where any thread would find them.
 * So what the kernel does for a pending one is done here: it counts its overruns (sigpending.c) for
 * timer_getoverrun, and is withdrawn when the timer is set anew or deleted.
 *
 * A thread's CPU clock is unknown to it, too. Such a timer is one on CLOCK_MONOTONIC in the kernel, set to when the
 * thread could have used its time up, had it run all the while. When it has not, the rest is waited for: at once while
 * it runs, else from its next turn on, so that the timer of an idle thread costs nothing. */
#include "interpose/signal.h"

#include <linux/time.h>
#include <linux/utsname.h>

#define NOTIFY_SIGNAL    0 /* SIGEV_SIGNAL */
#define NOTIFY_NONE      1 /* SIGEV_NONE */
#define NOTIFY_THREAD_ID 4 /* SIGEV_THREAD_ID */
#define EVENT_BYTES      64
#define TIMERS_MAX       4096

static struct process_signals *const ps = &process_signals;

struct kept_timer {
    bool used;
    bool silent; /* sends no signal */
    int id;
    int overrun;        /* of the signal that was given last */
    uint32_t tid;       /* whom its signals are for; 0: the process */
    uint32_t clock_tid; /* whose CPU clock it is on; 0: a clock of the kernel's */
    uint64_t until_ns;  /* on that clock; 0: disarmed */
    uint64_t interval_ns;
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

/* What the program asked for; what timer_create(2) does without it. */
static int read_event(struct sig_event *asked, const void *event)
{
    *asked = (struct sig_event){ .signal = SIGALRM, .notify = NOTIFY_SIGNAL };
    return event ? user_get(*asked, event) : 0;
}

static long create(int clock, struct sig_event *asked, void *event, int *id, const struct co *timed)
{
    bool to_thread = asked->notify == NOTIFY_THREAD_ID;
    const struct co *co = to_thread ? co_by_tid((uint32_t)asked->tid) : NULL;
    struct kept_timer *timer = place();
    if (to_thread && !co)
        return -EINVAL;
    if (!timer)
        return -EAGAIN;
    if (to_thread)
        asked->notify = NOTIFY_SIGNAL; /* whichever kernel thread takes it */
    long result =
        sys3(__NR_timer_create, timed ? CLOCK_MONOTONIC : clock, event ? asked : NULL, id);
    if (result != 0)
        return result;
    *timer = (struct kept_timer){ .used = true,
                                  .silent = asked->notify == NOTIFY_NONE,
                                  .id = *id,
                                  .tid = co ? co->tid : 0,
                                  .clock_tid = timed ? timed->tid : 0 };
    if (!timer->silent) {
        signal_catch(sigbit(asked->signal));
        signal_keep_from_resting(sigbit(asked->signal));
    }
    return 0;
}

long op_timer_create(int clock, void *event, int *id)
{
    const struct co *timed = op_thread_of_clock(clock);
    struct sig_event asked;
    if (read_event(&asked, event) != 0)
        return -EFAULT;
    bool to_thread = asked.notify == NOTIFY_THREAD_ID;
    bool sends = asked.notify != NOTIFY_NONE;
    if ((!to_thread && !timed) || (sends && (asked.signal < 1 || asked.signal > SIGNALS)))
        return OP_PASS;
    return create(clock, &asked, event, id, timed);
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
    struct list *node, *after;
    timer->overrun = 0;
    if (!ps->queued || !kernel_withdraws())
        return;
    pending_withdraw(&ps->pending, timer->id);
    list_for_each (node, after, &runtime.all)
        pending_withdraw(&container_of(node, struct co, all)->signals.pending, timer->id);
}

/* ---- CPU clocks ---- */

/* Has the kernel tell when @co, which has @used_ns and @runs or not, may have as much as @timer waits for. */
static void watch_clock(const struct kept_timer *timer, struct co *co, uint64_t used_ns, bool runs)
{
    struct __kernel_itimerspec span = { 0 };
    uint64_t left_ns = timer->until_ns > used_ns ? timer->until_ns - used_ns : 1;
    if (timer->silent)
        return;
    if (timer->until_ns && (runs || timer->until_ns <= used_ns))
        span.it_value = ns_timespec(left_ns);
    else if (timer->until_ns)
        co->timed = true;
    sys4(__NR_timer_settime, timer->id, 0, &span, NULL);
}

static void turn_begins(struct co *co)
{
    co->timed = false;
    for (uint32_t i = 0; i < timers.count; i++) {
        const struct kept_timer *timer = &timers.timer[i];
        if (timer->used && timer->clock_tid == co->tid && timer->until_ns)
            watch_clock(timer, co, co->cpu_ns, true);
    }
}

/* Moves @timer, which has expired, on by its intervals; returns how many were passed over. */
static uint64_t forward(struct kept_timer *timer, uint64_t used_ns)
{
    if (!timer->interval_ns) {
        timer->until_ns = 0;
        return 0;
    }
    uint64_t over = (used_ns - timer->until_ns) / timer->interval_ns;
    timer->until_ns += (over + 1) * timer->interval_ns;
    return over;
}

bool signal_timer_expired(siginfo_t *info)
{
    struct kept_timer *timer = find(info->si_tid);
    if (!timer || !timer->clock_tid)
        return true;
    struct co *co = co_by_tid(timer->clock_tid);
    if (!co || !timer->until_ns)
        return false;
    uint64_t used_ns = cputime_read(co);
    bool expired = used_ns >= timer->until_ns;
    if (expired) {
        uint64_t over = forward(timer, used_ns);
        info->si_overrun = over < INT32_MAX ? (int)over : INT32_MAX;
    }
    if (timer->until_ns)
        watch_clock(timer, co, used_ns, co == runtime.carrier.current);
    return expired;
}

static struct __kernel_itimerspec time_left(struct kept_timer *timer, uint64_t used_ns)
{
    struct __kernel_itimerspec left = { .it_interval = ns_timespec(timer->interval_ns) };
    if (timer->silent && timer->until_ns && timer->until_ns <= used_ns)
        forward(timer, used_ns);
    if (timer->until_ns) /* what has expired and was not noticed yet is about to */
        left.it_value = ns_timespec(timer->until_ns > used_ns ? timer->until_ns - used_ns : 1);
    return left;
}

static long set_on_cpu_clock(struct kept_timer *timer, int flags,
                             const struct __kernel_itimerspec *value,
                             struct __kernel_itimerspec *old)
{
    struct __kernel_itimerspec wanted, before;
    struct co *co = co_by_tid(timer->clock_tid);
    if (!value)
        return -EINVAL;
    if (user_get(wanted, value) != 0)
        return -EFAULT;
    if (!timespec_valid(&wanted.it_value) || !timespec_valid(&wanted.it_interval))
        return -EINVAL;
    if (!co)
        return -ESRCH;
    uint64_t used_ns = cputime_read(co), until_ns = timespec_ns(&wanted.it_value);
    before = time_left(timer, used_ns);
    if (until_ns && !(flags & TIMER_ABSTIME))
        until_ns = deadline_after(used_ns, until_ns);
    timer->until_ns = until_ns;
    timer->interval_ns = timespec_ns(&wanted.it_interval);
    runtime.timed_turn_begins = turn_begins;
    watch_clock(timer, co, used_ns, co == runtime.carrier.current);
    withdraw(timer);
    return old ? user_put(old, before) : 0;
}

/* ---- */

static long set_in_kernel(struct kept_timer *timer, int flags,
                          const struct __kernel_itimerspec *value, struct __kernel_itimerspec *old)
{
    hold_signals();
    long result = sys4(__NR_timer_settime, timer->id, flags, value, old);
    if (result == 0)
        withdraw(timer);
    signal_rest();
    return result;
}

long op_timer_settime(int id, int flags, const struct __kernel_itimerspec *value,
                      struct __kernel_itimerspec *old)
{
    struct kept_timer *timer = find(id);
    if (!timer)
        return OP_PASS;
    return timer->clock_tid ? set_on_cpu_clock(timer, flags, value, old)
                            : set_in_kernel(timer, flags, value, old);
}

long op_timer_gettime(int id, struct __kernel_itimerspec *value)
{
    struct kept_timer *timer = find(id);
    if (!timer || !timer->clock_tid)
        return OP_PASS;
    struct co *co = co_by_tid(timer->clock_tid);
    struct __kernel_itimerspec left = { 0 };
    if (co)
        left = time_left(timer, cputime_read(co));
    return user_put(value, left);
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
    if (!timer || !timer->tid)
        return false;
    *co = co_by_tid(timer->tid);
    return true;
}

void signal_timers_reset(void)
{
    timers.count = 0;
    ps->never_rests = 0;
}
