/* The monitor.
 *
 * While the carrier is busy the monitor ticks, at half a slice (at most 100 ms). At each tick it
 * reads the carrier's count of switches; when that has not moved for a slice and the carrier is not
 * idle, it sends the kick: the handler makes the running coroutine yield (interpose/sigdeliver.c).
 * The monitor never touches the carrier's queues.
 *
 * Threads that wait for each other by spinning on a word would each burn a whole slice before the
 * one that they wait for runs. A coroutine that a preemption meets where one of the last two met it,
 * at the same stack pointer in the same few instructions, is taken for a spinner: each further one
 * halves its slice (co.slice_shift), down to SPIN_SLICE_NS, until one meets it elsewhere. Who computes in a tight
 * loop and is mistaken for a spinner pays some 3 % in preemptions. Ticks are as short as the
 * shortest slice asks for SPIN_TICKS after each such preemption.
 *
 * Where more than FEW threads compute, their slices are shorter (slice_ns): a thread that has slept, or is to
 * run a handler, waits for a turn of each.
 *
 * After IDLE_TICKS without a switch in an idle carrier it sleeps without end; the carrier, leaving
 * its idle poll, sees `asleep` and wakes it. Both sides write their own flag before reading the
 * other's, so one of them notices. */
#include "runtime/monitor.h"

#include <linux/futex.h>
#include <linux/prctl.h>

#include "runtime/abi.h"
#include "runtime/deadlock.h"
#include "runtime/fd.h"
#include "runtime/files.h"
#include "runtime/handoff.h"
#include "runtime/kthread.h"
#include "runtime/probes.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "runtime/stall.h"
#include "runtime/stat.h"
#include "shim/log.h"

#define IDLE_TICKS   20
#define TICK_MAX_NS  (100 * NSEC_PER_MSEC)
#define TICK_MIN_NS  (20 * NSEC_PER_USEC)
#define FOLLOW_NS    (1 * NSEC_PER_SEC)
#define STALL_NS     (200 * NSEC_PER_MSEC)
#define KICK_LOST_NS (1 * NSEC_PER_SEC) /* then it is sent again */

#define FEW            8 /* may each have a whole slice */
#define CROWD_SLICE_NS (1 * NSEC_PER_MSEC)
#define CROWD_TICKS    64

static struct {
    struct kthread kthread;
    struct monitor_settings settings;
    int wake_fd;
    int process_fd; /* pidfd of this process, in the monitor's own table */
    bool split;     /* the monitor has a descriptor table of its own */
    volatile int tid;
    volatile int asleep;
    struct spinlock kick_lock; /* held while a kick is sent, and by monitor_hold; rank 3 */
    uint64_t last_switches, last_polls, last_tick_ns;
    uint64_t last_call;       /* the carrier was in it, or CALL_NONE */
    uint64_t warned_switches; /* the stall that was already reported */
    uint64_t deadlocked_id;   /* of a thread in the one that was reported; 0: none */
    bool stood_still;         /* without a ring, and that was reported */
    uint32_t idle_ticks;
    bool running;
    volatile uint32_t settled; /* a futex word of the kernel's: it has its descriptors */
    struct {
        volatile uint32_t wanted; /* a futex word of the kernel's */
        long nr, argument[3];
    } follow; /* the call that the carrier has made and waits for us to make */
    uint64_t last_kick_ns;
    uint64_t started_ns, kicks, stalls;
    uint32_t crowd_ticks; /* for which slices are shortened where many wait */
    uint64_t longest_ns;  /* that the carrier was held, to the tick */
} monitor = { .wake_fd = -1 };

/* With many that compute everybody's turn would come late, a handler's too: they share the time of a few. Only
 * after preemptions: the monitor ticks at half a slice, and who waits often needs no watching. */
static uint64_t slice_ns(void)
{
    uint64_t slice = monitor.settings.slice_ns;
    uint64_t least = slice < CROWD_SLICE_NS ? slice : CROWD_SLICE_NS;
    uint32_t waiting = runtime.carrier.run_queue_length;
    if (!monitor.crowd_ticks || waiting <= FEW)
        return slice;
    return slice * FEW / waiting > least ? slice * FEW / waiting : least;
}

static uint64_t shortened(uint64_t slice, uint32_t shift)
{
    uint64_t least = slice < SPIN_SLICE_NS ? slice : SPIN_SLICE_NS;
    return slice >> shift > least ? slice >> shift : least;
}

static uint64_t tick_ns(void)
{
    uint64_t slice = slice_ns(), tick = slice ? slice / 2 : TICK_MAX_NS;
    if (slice && runtime.carrier.spinning)
        tick = shortened(slice, SLICE_SHIFT_MAX) / 2;
    if (tick > TICK_MAX_NS)
        tick = TICK_MAX_NS;
    return tick < TICK_MIN_NS ? TICK_MIN_NS : tick;
}

/* Stalls are counted whether or not somebody is warned of them. */
static uint64_t stall_ns(void)
{
    return monitor.settings.latency_warning_ns ? monitor.settings.latency_warning_ns : STALL_NS;
}

static void warn_of_stall(struct carrier *carrier, uint64_t held_ns, uint64_t now)
{
    struct co *co = carrier->current;
    if (held_ns < stall_ns() || monitor.warned_switches == carrier->switches || !co)
        return;
    monitor.warned_switches = carrier->switches;
    monitor.stalls++;
    PROBE3(stall, co->id, held_ns, carrier->run_queue_length);
    trace_stall(co->id, held_ns);
    if (!monitor.settings.latency_warning_ns)
        return;
    void (*stalled)(uint64_t, uint64_t) = runtime.stalled;
    if (stalled)
        stalled(co->id, held_ns);
    stall_tell(co, now - held_ns, now);
}

static void kick(struct carrier *carrier)
{
    spin_lock(&monitor.kick_lock);
    runtime.kick_pending = true;
    kthread_kick(carrier->kernel_tid);
    spin_unlock(&monitor.kick_lock);
}

void monitor_set(uint64_t slice_ns, uint64_t latency_warning_ns)
{
    monitor.settings.slice_ns = slice_ns;
    monitor.settings.latency_warning_ns = latency_warning_ns;
}

void monitor_read_stat(struct runtime_stat *stat)
{
    stat->uptime_ns = clock_now(&runtime.clock) - monitor.started_ns;
    stat->preemptions = monitor.kicks;
    stat->stalls = monitor.stalls;
}

void monitor_read_latency(struct latency_info *info)
{
    info->uptime_ns = clock_now(&runtime.clock) - monitor.started_ns;
    info->stalls = monitor.stalls;
    info->stall_ns = stall_ns();
    info->longest_ns = monitor.longest_ns;
}

void monitor_forget_longest(void)
{
    monitor.longest_ns = 0;
}

void monitor_kick(void)
{
    kick(&runtime.carrier);
}

/* Program code is interrupted. A call that has just begun is not, but its thread yields at the end;
 * one that has lasted for a tick loses the carrier, or, when there is no spare kernel thread, is
 * interrupted after all. */
static void preempt(struct carrier *carrier, uint64_t call, bool lasts)
{
    monitor.kicks++;
    monitor.crowd_ticks = CROWD_TICKS;
    if (call == CALL_NONE || (lasts && !handoff_begin(carrier, call)))
        kick(carrier);
    else if (!lasts)
        __atomic_fetch_or(&carrier->kthread.attention, ATTENTION_PREEMPT, __ATOMIC_SEQ_CST);
}

void monitor_hold(void)
{
    spin_lock(&monitor.kick_lock);
}

void monitor_release(void)
{
    spin_unlock(&monitor.kick_lock);
}

static void watch(struct carrier *carrier, uint64_t now)
{
    uint64_t switches = carrier->switches, slice = slice_ns();
    struct co *co = carrier->current;
    uint64_t since_tick = now - monitor.last_tick_ns, call = carrier->thread->call;
    bool lasts = call >= CALL_FIRST && call == monitor.last_call;
    monitor.last_call = call;
    monitor.last_tick_ns = now;
    runtime.coarse_ns = now;
    if (carrier->spinning)
        carrier->spinning--; /* racy, and harmless */
    if (monitor.crowd_ticks)
        monitor.crowd_ticks--;
    if (carrier->idle || switches != monitor.warned_switches)
        stall_over(now);
    if (carrier->idle) {
        monitor.idle_ticks = switches == monitor.last_switches ? monitor.idle_ticks + 1 : 0;
        monitor.last_switches = switches;
        carrier->stall_since_ns = now;
        return;
    }
    monitor.idle_ticks = 0;
    if (co) {
        if (!runtime.cpu_time.counting)
            co->cpu_ns += since_tick;
        slice = shortened(slice, co->slice_shift);
    }
    if (switches != monitor.last_switches) {
        /* Turns are long, and a poll is due: see SCHED_BUDGET. */
        if (carrier->polls == monitor.last_polls)
            carrier->budget = 1; /* not 0: the carrier may be about to count it down */
        monitor.last_switches = switches;
        monitor.last_polls = carrier->polls;
        carrier->stall_since_ns = now;
        return;
    }
    uint64_t held = now - carrier->stall_since_ns;
    if (held > monitor.longest_ns && co)
        monitor.longest_ns = held;
    warn_of_stall(carrier, held, now);
    /* One on its way is enough: while the carrier is off its processor they would queue up, and the
     * queue is shared by all processes of the user (RLIMIT_SIGPENDING). */
    if (slice && held >= slice && runtime.live > 1 && !carrier->moving &&
        (!runtime.kick_pending || now - monitor.last_kick_ns >= KICK_LOST_NS)) {
        monitor.last_kick_ns = now;
        preempt(carrier, call, lasts);
    }
}

/* The carrier has been idle for a while: for ever? Says so once for each deadlock, and once if nothing proves
 * it; then the process is never ended, for it may be waiting to be. */
static void look_for_deadlock(void)
{
    struct deadlock found;
    if (!monitor.settings.deadlock)
        return;
    enum standstill standstill = deadlock_find(&found);
    if (standstill == STANDSTILL_UNPROVEN && !monitor.stood_still) {
        monitor.stood_still = true;
        log_line(LOG_WARN,
                 "no thread can go on: %u wait for each other, and nothing else is known "
                 "that could end a wait",
                 runtime.live);
        report_want(REPORT_STANDSTILL);
    }
    if (standstill != STANDSTILL_RING || found.first_id == monitor.deadlocked_id)
        return;
    monitor.deadlocked_id = found.first_id;
    log_line(LOG_WARN, "deadlock: no thread of %u can go on, since %zu %s", runtime.live,
             found.length, found.length > 1 ? "wait for each other" : "waits for itself");
    report_deadlock(monitor.settings.deadlock == DEADLOCK_ABORT);
}

static bool may_sleep(const struct carrier *carrier)
{
    if (report_is_busy())
        return false;
    if (!monitor.settings.slice_ns && !monitor.settings.latency_warning_ns &&
        !monitor.settings.deadlock)
        return true;
    if (monitor.idle_ticks < IDLE_TICKS)
        return false;
    if (monitor.idle_ticks == IDLE_TICKS)
        look_for_deadlock();
    __atomic_store_n(&monitor.asleep, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&carrier->idle, __ATOMIC_SEQ_CST) &&
        carrier->switches == monitor.last_switches)
        return true;
    monitor.asleep = 0;
    return false;
}

static bool on_monitor(void)
{
    return monitor.split && sys0(__NR_gettid) == monitor.tid;
}

int monitor_borrow_fd(int fd)
{
    return on_monitor() ? (int)sys3(__NR_pidfd_getfd, monitor.process_fd, fd, 0) : fd;
}

void monitor_return_fd(int borrowed)
{
    if (on_monitor() && borrowed >= 0)
        sys1(__NR_close, borrowed);
}

/* A table of our own: the program's calls on descriptors then cost what they cost with one thread,
 * and nothing that the program closes is kept open by us. What wakes the carrier stays in it, too. */
static void split_files(void)
{
    const int keep[] = { monitor.wake_fd, runtime.wake_fd, monitor.settings.listen_fd };
    if (!kthread_split_files(keep, ARRAY_SIZE(keep)))
        return;
    monitor.process_fd = (int)sys2(__NR_pidfd_open, sys0(__NR_getpid), 0);
    monitor.tid = (int)sys0(__NR_gettid);
    monitor.split = true;
    log_files = (struct log_files){ monitor_borrow_fd, monitor_return_fd };
    if (monitor.settings.files_split)
        monitor.settings.files_split();
}

static void follow_carrier(void)
{
    const long *a = monitor.follow.argument;
    if (likely(!__atomic_load_n(&monitor.follow.wanted, __ATOMIC_ACQUIRE)))
        return;
    sys3(monitor.follow.nr, a[0], a[1], a[2]);
    __atomic_store_n(&monitor.follow.wanted, 0, __ATOMIC_RELEASE);
    sys3(__NR_futex, &monitor.follow.wanted, FUTEX_WAKE_PRIVATE, 1);
}

void monitor_follow(long nr, long a, long b, long c)
{
    const struct __kernel_timespec patience = ns_timespec(FOLLOW_NS);
    const uint64_t one = 1;
    if (!monitor.running)
        return;
    monitor.follow.nr = nr;
    monitor.follow.argument[0] = a;
    monitor.follow.argument[1] = b;
    monitor.follow.argument[2] = c;
    __atomic_store_n(&monitor.follow.wanted, 1, __ATOMIC_RELEASE);
    sys3(__NR_write, monitor.wake_fd, &one, sizeof(one));
    while (__atomic_load_n(&monitor.follow.wanted, __ATOMIC_ACQUIRE)) {
        long error = sys4(__NR_futex, &monitor.follow.wanted, FUTEX_WAIT_PRIVATE, 1, &patience);
        if (error == -ETIMEDOUT)
            return;
    }
}

static void monitor_main(void *argument)
{
    struct carrier *carrier = argument;
    sys2(__NR_prctl, PR_SET_TIMERSLACK, 1);
    split_files();
    __atomic_store_n(&monitor.settled, 1, __ATOMIC_RELEASE);
    sys3(__NR_futex, &monitor.settled, FUTEX_WAKE_PRIVATE, 1);
    for (;;) {
        bool sleep = may_sleep(carrier);
        monitor.settings.serve(monitor.wake_fd, sleep ? UINT64_MAX : tick_ns());
        follow_carrier();
        report_serve();
        if (monitor.asleep) {
            monitor.asleep = 0;
            monitor.idle_ticks = 0;
            monitor.last_tick_ns = clock_now(&runtime.clock);
        }
        if (runtime.mode == MODE_ACTIVE)
            watch(carrier, clock_now(&runtime.clock));
    }
}

/* While the monitor has copies of the program's descriptors, what the program closes stays open: a
 * pipe without readers would have one. */
static void wait_until_settled(void)
{
    const struct __kernel_timespec patience = ns_timespec(FOLLOW_NS);
    while (!__atomic_load_n(&monitor.settled, __ATOMIC_ACQUIRE)) {
        if (sys4(__NR_futex, &monitor.settled, FUTEX_WAIT_PRIVATE, 0, &patience) == -ETIMEDOUT)
            return;
    }
}

int monitor_start(const struct monitor_settings *settings)
{
    long fd = sys2(__NR_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return (int)fd;
    fd = fd_move_up(fd, fd_floor());
    monitor.wake_fd = (int)fd;
    monitor.settings = *settings;
    report_init(settings->report);
    monitor.warned_switches = UINT64_MAX;
    monitor.last_tick_ns = monitor.started_ns = clock_now(&runtime.clock);
    monitor.kicks = monitor.stalls = monitor.longest_ns = 0;
    runtime.carrier.stall_since_ns = monitor.last_tick_ns;
    runtime.can_hand_off = settings->slice_ns && handoff_prepare();
    monitor.settled = 0;
    long tid = kthread_start(&monitor.kthread, "coro-monitor", monitor_main, &runtime.carrier);
    monitor.running = tid >= 0;
    if (monitor.running)
        wait_until_settled();
    return tid < 0 ? (int)tid : 0;
}

void monitor_prod(void)
{
    uint64_t one = 1;
    sys3(__NR_write, monitor.wake_fd, &one, sizeof(one));
}

void monitor_wake(void)
{
    if (unlikely(__atomic_load_n(&monitor.asleep, __ATOMIC_SEQ_CST)))
        monitor_prod();
}

bool monitor_owns_fd(int fd)
{
    return fd >= 0 && fd == monitor.wake_fd;
}

int monitor_tid(void)
{
    return monitor.kthread.tid;
}

void monitor_reset(void)
{
    if (monitor.wake_fd >= 0)
        files_let_go(monitor.wake_fd);
    monitor.wake_fd = -1;
    monitor.kick_lock.taken = 0;
    monitor.split = false;
    monitor.running = false;
    monitor.follow.wanted = 0;
    monitor.asleep = 0;
    monitor.idle_ticks = 0;
    monitor.stood_still = false;
    stall_reset();
    report_reset();
}
