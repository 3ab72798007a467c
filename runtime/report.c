/* One report at a time, in the order of enum report_kind. What happens meanwhile and is wanted again is
 * reported afterwards; a stall whose turn does not come at once is not, for it may be over.
 *
 * `wanted` and `crash` are written by the carrier, the rest belongs to the monitor. */
#include "runtime/report.h"

#include <linux/futex.h>
#include <linux/wait.h>

#include "runtime/monitor.h"
#include "shim/log.h"

#define NO_PROGRAM       127
#define DUMP_PATIENCE_NS (60 * NSEC_PER_SEC) /* of a million threads */

static struct {
    report_start_fn *start;
    volatile uint32_t wanted; /* bits of enum report_kind */
    volatile uint32_t
        crash; /* a futex word of the kernel's: 1 while a thread waits for its report */
    uint64_t crash_id;
    long child; /* 0: none */
    enum report_kind kind;
    bool then_abort; /* after the one of a deadlock */
    uint64_t since_ns;
} report;

static uint32_t bit(enum report_kind kind)
{
    return 1U << kind;
}

void report_init(report_start_fn *start)
{
    report.start = start;
}

void report_reset(void)
{
    report.wanted = report.crash = 0;
    report.child = 0;
}

bool report_is_busy(void)
{
    return report.child || report.wanted;
}

void report_want(enum report_kind kind)
{
    __atomic_fetch_or(&report.wanted, bit(kind), __ATOMIC_SEQ_CST);
    monitor_prod();
}

void report_deadlock(bool then_abort)
{
    report.then_abort = then_abort;
    report_want(REPORT_DEADLOCK);
}

/* Whoever waits for it goes on. */
static void finish(enum report_kind kind)
{
    if (kind == REPORT_DEADLOCK && report.then_abort)
        sys2(__NR_kill, runtime.pid, SIGABRT);
    if (kind != REPORT_CRASH)
        return;
    __atomic_store_n(&report.crash, 0, __ATOMIC_RELEASE);
    sys3(__NR_futex, &report.crash, FUTEX_WAKE_PRIVATE, 1);
}

static void start(enum report_kind kind, uint64_t id)
{
    long pid = report.start(kind, id);
    if (pid > 0) {
        report.child = pid;
        report.kind = kind;
        report.since_ns = clock_now(&runtime.clock);
        return;
    }
    log_line(LOG_WARN, "stack unavailable: no process to unwind it (error %ld)", -pid);
    finish(kind);
}

void report_stall(uint64_t id)
{
    if (report.start && !report_is_busy() && co_stack_keep_running() == id)
        start(REPORT_STALL, id);
}

void report_crash(const uint64_t *registers)
{
    const struct __kernel_timespec patience = ns_timespec(REPORT_PATIENCE_NS);
    uint64_t deadline = clock_now(&runtime.clock) + REPORT_PATIENCE_NS;
    const struct co *co = runtime.carrier.current;
    if (!report.start || !co || report.crash)
        return;
    co_stack_keep(registers);
    report.crash_id = co->id;
    report.crash = 1;
    report_want(REPORT_CRASH);
    while (__atomic_load_n(&report.crash, __ATOMIC_ACQUIRE) && clock_now(&runtime.clock) < deadline)
        sys4(__NR_futex, &report.crash, FUTEX_WAIT_PRIVATE, 1, &patience);
}

/* A thread that is about to die goes first. */
static bool is_overdue(void)
{
    uint64_t patience = report.kind == REPORT_DUMP ? DUMP_PATIENCE_NS : 2 * REPORT_PATIENCE_NS;
    return (report.wanted & bit(REPORT_CRASH) && report.kind != REPORT_CRASH) ||
           clock_now(&runtime.clock) - report.since_ns >= patience;
}

/* A child that has no exit signal is waited for by __WALL, and by nobody who doesn't say so. */
static void take_leave(void)
{
    int status = 0;
    long ended = sys4(__NR_wait4, report.child, &status, WNOHANG | (int)__WALL, NULL);
    if (!ended && !is_overdue())
        return;
    if (!ended) {
        sys2(__NR_kill, report.child, SIGKILL);
        sys4(__NR_wait4, report.child, NULL, (int)__WALL, NULL);
        log_line(LOG_WARN, "stack unavailable: coroctl took too long");
    } else if (status) {
        log_line(LOG_WARN,
                 status >> 8 == NO_PROGRAM ? "stack unavailable: no coroctl beside the library"
                                           : "stack unavailable: coroctl failed (status %d)",
                 status);
    }
    report.child = 0;
    finish(report.kind);
}

void report_serve(void)
{
    if (likely(!report_is_busy()))
        return;
    if (report.child)
        take_leave();
    if (report.child || !report.wanted)
        return;
    enum report_kind kind = (enum report_kind)__builtin_ctz(report.wanted);
    __atomic_fetch_and(&report.wanted, ~bit(kind), __ATOMIC_SEQ_CST);
    start(kind, kind == REPORT_CRASH ? report.crash_id : 0);
}
