/* The monitor: it kicks a carrier that is held too long, warns, and sleeps while
 * nothing happens. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "runtime/kthread.h"
#include "runtime/monitor.h"
#include "shim/conf.h"
#include "shim/log.h"
#include "tests/unit/harness.h"

static volatile int kicks, served;
static bool busy;
static volatile uint64_t longest_wait_ns;
static int wake_fd_seen = -1;

/* control_serve without a socket. */
static bool serve(int wake_fd, uint64_t timeout_ns)
{
    struct pollfd poll = { .fd = wake_fd, .events = POLLIN };
    struct __kernel_timespec timeout = ns_timespec(timeout_ns);
    uint64_t drained;
    served++;
    wake_fd_seen = wake_fd;
    if (timeout_ns > longest_wait_ns)
        longest_wait_ns = timeout_ns;
    sys5(__NR_ppoll, &poll, 1, timeout_ns == UINT64_MAX ? NULL : &timeout, NULL, 8);
    return poll.revents && sys3(__NR_read, wake_fd, &drained, sizeof(drained)) == 8;
}

static void on_kick(int signal)
{
    (void)signal;
    kicks++;
    runtime.kick_pending = busy; /* whoever is busy has not met it */
}

void monitor_restorer(void);
__asm__(".text\nmonitor_restorer: mov $15, %eax; syscall");

static void start(uint64_t slice_ns, uint64_t warning_ns)
{
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = { on_kick, SA_RESTART | 0x04000000, monitor_restorer, 0 };
    struct monitor_settings settings = {
        .slice_ns = slice_ns,
        .latency_warning_ns = warning_ns,
        .serve = serve,
        .listen_fd = -1,
    };
    harness_start(&poll_epoll);
    ck_assert_int_eq(sys4(__NR_rt_sigaction, KICK_SIGNAL, &action, NULL, 8), 0);
    ck_assert_int_eq(monitor_start(&settings), 0);
}

static void spin(uint64_t ns)
{
    uint64_t end = harness_now_ns() + ns;
    while (harness_now_ns() < end)
        ;
}

static void wait_in_vain(void *argument)
{
    (void)argument;
    sched_park(DEADLINE_NEVER);
}

static void spawn_waiter(void)
{
    harness_spawn(wait_in_vain, NULL);
    sched_yield_co();
}

START_TEST(a_carrier_held_for_longer_than_a_slice_is_kicked)
{
    start(10 * NSEC_PER_MSEC, 0);
    spawn_waiter();
    spin(200 * NSEC_PER_MSEC);
    ck_assert_int_ge(kicks, 3);
}
END_TEST

START_TEST(a_kick_that_is_on_its_way_is_not_sent_again)
{
    busy = true;
    start(10 * NSEC_PER_MSEC, 0);
    spawn_waiter();
    spin(200 * NSEC_PER_MSEC);
    ck_assert_int_eq(kicks, 1);
}
END_TEST

START_TEST(with_many_others_slices_are_shorter)
{
    start(100 * NSEC_PER_MSEC, 0);
    for (int i = 0; i < 40; i++)
        harness_spawn(wait_in_vain, NULL);
    spin(NSEC_PER_SEC);
    ck_assert_int_ge(kicks, 25); /* a tick is 10 ms, not 50 */
}
END_TEST

START_TEST(without_others_nobody_is_kicked)
{
    start(5 * NSEC_PER_MSEC, 0);
    spin(100 * NSEC_PER_MSEC);
    ck_assert_int_eq(kicks, 0);
}
END_TEST

START_TEST(a_slice_of_zero_never_kicks)
{
    start(0, 0);
    spawn_waiter();
    spin(300 * NSEC_PER_MSEC);
    ck_assert_int_eq(kicks, 0);
}
END_TEST

static void sleep_until_woken(uint64_t ns)
{
    ck_assert_int_eq(sched_park(harness_now_ns() + ns), -ETIMEDOUT);
}

START_TEST(an_idle_carrier_is_not_kicked)
{
    start(100 * NSEC_PER_MSEC, 0);
    spawn_waiter();
    sleep_until_woken(500 * NSEC_PER_MSEC);
    ck_assert_int_eq(kicks, 0);
}
END_TEST

START_TEST(switches_begin_a_new_slice)
{
    start(100 * NSEC_PER_MSEC, 0);
    spawn_waiter();
    for (int i = 0; i < 150; i++) {
        spin(2 * NSEC_PER_MSEC);
        sleep_until_woken(NSEC_PER_USEC);
    }
    ck_assert_int_eq(kicks, 0);
}
END_TEST

static void take_long_turns(void *unused)
{
    (void)unused;
    for (int i = 0; i < 50; i++) {
        spin(3 * NSEC_PER_MSEC);
        sched_yield_co();
    }
}

START_TEST(long_turns_do_not_put_polls_off)
{
    start(20 * NSEC_PER_MSEC, 0);
    harness_spawn(take_long_turns, NULL);
    uint64_t before = runtime.carrier.polls;
    take_long_turns(NULL);
    ck_assert_uint_ge(runtime.carrier.polls - before, 10); /* by their number alone: 2 */
}
END_TEST

START_TEST(the_monitor_sleeps_while_nothing_happens_and_wakes_with_the_carrier)
{
    start(2 * NSEC_PER_MSEC, 0);
    spawn_waiter();
    sleep_until_woken(300 * NSEC_PER_MSEC);
    ck_assert(longest_wait_ns == UINT64_MAX);
    int before = served;
    sleep_until_woken(200 * NSEC_PER_MSEC); /* it looks once or twice, then sleeps again */
    ck_assert_int_lt(served - before, 100);
    spin(100 * NSEC_PER_MSEC);
    ck_assert_int_ge(kicks, 1);
}
END_TEST

START_TEST(its_descriptor_is_private)
{
    start(NSEC_PER_MSEC, 0);
    while (wake_fd_seen < 0)
        usleep(1000);
    ck_assert(monitor_owns_fd(wake_fd_seen));
    ck_assert(fd_private(wake_fd_seen));
    ck_assert_int_ge(wake_fd_seen, fd_floor());
    ck_assert(!monitor_owns_fd(-1));
}
END_TEST

START_TEST(time_on_the_carrier_is_counted)
{
    start(4 * NSEC_PER_MSEC, 0);
    spawn_waiter();
    spin(200 * NSEC_PER_MSEC);
    uint64_t after_spin = runtime.main->cpu_ns;
    ck_assert_uint_gt(after_spin, 100 * NSEC_PER_MSEC);
    ck_assert_uint_lt(after_spin, 400 * NSEC_PER_MSEC);
    sleep_until_woken(200 * NSEC_PER_MSEC);
    ck_assert_uint_lt(runtime.main->cpu_ns - after_spin, 100 * NSEC_PER_MSEC);
}
END_TEST

/* ---- the latency warning ---- */

static char lines[4096];

static const char *stderr_during(void (*what)(uint64_t ns), uint64_t ns)
{
    int pair[2], before = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe(pair), 0);
    dup2(pair[1], STDERR_FILENO);
    close(pair[1]);
    log_remember_stderr();
    what(ns);
    dup2(before, STDERR_FILENO);
    ssize_t length = read(pair[0], lines, sizeof(lines) - 1);
    lines[length > 0 ? length : 0] = '\0';
    return lines;
}

static const char *stderr_during_spin(uint64_t ns)
{
    return stderr_during(spin, ns);
}

static void hold_up(uint64_t ns)
{
    spin(ns);
    for (int i = 0; i < 3; i++) /* until the monitor has seen that it is over */
        sched_park(harness_now_ns() + 100 * NSEC_PER_MSEC);
}

static void hold_up_twice(uint64_t ns)
{
    hold_up(ns);
    hold_up(ns);
}

static void sleep_a_little(void *argument)
{
    (void)argument;
    sched_park(harness_now_ns() + NSEC_PER_MSEC);
}

/* One is parked for good, one has slept enough, and one can run. */
START_TEST(who_could_run_is_counted_and_the_length_told_in_the_end)
{
    unsigned long ms, count, whole, tenths;
    start(0, 100 * NSEC_PER_MSEC);
    spawn_waiter();
    harness_spawn(sleep_a_little, NULL);
    sched_yield_co();
    harness_spawn(wait_in_vain, NULL);
    const char *got = stderr_during(hold_up, NSEC_PER_SEC);
    must(sscanf(got,
                "coroshim[%*d]: thread 1 (unnamed) has held the carrier for %lu ms, at least %lu ",
                &ms, &count) == 2);
    must(ms >= 100);
    ck_assert_uint_eq(count, 2);
    got = strstr(got + 1, "coroshim["); /* a sanitizer may have had something to say between */
    must(got &&
         sscanf(got, "coroshim[%*d]: thread 1 (unnamed) let the carrier go after %lu.%lu s\n",
                &whole, &tenths) == 2);
    must(whole * 10 + tenths >= 1);
    must(strchr(got, '\n') == got + strlen(got) - 1);
}
END_TEST

START_TEST(a_second_stall_soon_after_is_told_as_well)
{
    int told = 0;
    start(0, 100 * NSEC_PER_MSEC);
    spawn_waiter();
    const char *at = stderr_during(hold_up_twice, 400 * NSEC_PER_MSEC);
    for (; (at = strstr(at, " nobody known to wait\n")); at++)
        told++;
    ck_assert_int_eq(told, 2);
}
END_TEST

START_TEST(a_coroutine_that_holds_the_carrier_is_named_once)
{
    char name[] = "hog", expected[200];
    start(0, 100 * NSEC_PER_MSEC);
    text_copy(runtime.main->name, name, sizeof(runtime.main->name));
    snprintf(expected, sizeof(expected), "coroshim[%d]: thread 1 (hog) has held the carrier for ",
             getpid());
    const char *got = stderr_during_spin(NSEC_PER_SEC);
    ck_assert_msg(strncmp(got, expected, strlen(expected)) == 0, "%s", got);
    ck_assert_ptr_eq(strchr(got, '\n'), got + strlen(got) - 1); /* one line */
}
END_TEST

START_TEST(a_short_hold_is_not_worth_a_line)
{
    start(NSEC_PER_MSEC, 500 * NSEC_PER_MSEC);
    ck_assert_str_eq(stderr_during_spin(100 * NSEC_PER_MSEC), "");
}
END_TEST

int main(void)
{
    RUN_TESTS("monitor", a_carrier_held_for_longer_than_a_slice_is_kicked,
              a_kick_that_is_on_its_way_is_not_sent_again, with_many_others_slices_are_shorter,
              without_others_nobody_is_kicked, a_slice_of_zero_never_kicks,
              an_idle_carrier_is_not_kicked, switches_begin_a_new_slice,
              long_turns_do_not_put_polls_off,
              the_monitor_sleeps_while_nothing_happens_and_wakes_with_the_carrier,
              its_descriptor_is_private, time_on_the_carrier_is_counted,
              a_coroutine_that_holds_the_carrier_is_named_once,
              who_could_run_is_counted_and_the_length_told_in_the_end,
              a_second_stall_soon_after_is_told_as_well, a_short_hold_is_not_worth_a_line);
}
