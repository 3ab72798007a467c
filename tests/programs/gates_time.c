/* Sleeping and timers by system call: spans, absolute times, interruptions and errors. */
#include "gates.h"

#include <signal.h>

static volatile int woken, handled;
static int target;

static void handler(int signal)
{
    handled = signal;
}

static void interrupt(long signal)
{
    while (!woken) {
        CHECK_EQ(syscall(SYS_tgkill, getpid(), target, (int)signal), 0);
        sleep_ms(1);
    }
}

static void spans(void)
{
    struct timespec span = span_ms(5), large = { 1000, 0 }, left = { 0, 0 };
    struct timespec wrong = { 0, 1000000000 }, negative = { -1, 0 };
    int64_t begin = now_ms();
    CHECK_EQ(syscall(SYS_nanosleep, &span, NULL), 0);
    CHECK(now_ms() - begin >= 4);
    woken = 0;
    target = (int)syscall(SYS_gettid);
    WAITS_FOR(interrupt, SIGUSR1, 1,
              syscall(SYS_nanosleep, &large, &left) == -1 && errno == EINTR && (woken = 1));
    CHECK(left.tv_sec > 900 && left.tv_sec < 1000);
    FAILS(EINVAL, SYS_nanosleep, &wrong, NULL);
    FAILS(EINVAL, SYS_nanosleep, &negative, NULL);
    FAILS(EFAULT, SYS_nanosleep, NOWHERE, NULL);
}

static void clocks(void)
{
    struct timespec span = span_ms(5), large = { 1000, 0 }, left = { 0, 0 };
    struct timespec wrong = { 0, -1 }, past = { 1, 0 };
    struct timespec until = in_ms(CLOCK_MONOTONIC, 5);
    int64_t begin = now_ms();
    CHECK_EQ(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
    CHECK(now_ms() - begin >= 4);
    CHECK_EQ(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &span, NULL), 0);
    CHECK(now_ms() - begin >= 9);
    CHECK_EQ(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL), 0);
    woken = 0;
    target = (int)syscall(SYS_gettid);
    WAITS_FOR(interrupt, SIGUSR1, 1,
              syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &large, &left) == -1 &&
                  errno == EINTR && (woken = 1));
    CHECK(left.tv_sec > 900 && left.tv_sec < 1000);
    FAILS(EINVAL, SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &wrong, NULL);
    FAILS(EINVAL, SYS_clock_nanosleep, 99, 0, &span, NULL);
    FAILS(EOPNOTSUPP, SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &span, NULL);
    FAILS(EFAULT, SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, NOWHERE, NULL);
}

static void timers(void)
{
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
    struct itimerspec soon = { .it_value = { 0, 1 } }, old;
    struct timespec forever = { 1000, 0 };
    uint64_t usr2 = UINT64_C(1) << (SIGUSR2 - 1);
    siginfo_t info;
    int id = -1;
    CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr2, NULL, 8L), 0);
    event.sigev_value.sival_int = 4321;
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), 0);
    CHECK_EQ(syscall(SYS_timer_settime, id, 0, &soon, &old), 0);
    CHECK_EQ(old.it_value.tv_sec, 0);
    CHECK_EQ(syscall(SYS_rt_sigtimedwait, &usr2, &info, &forever, 8L), SIGUSR2);
    CHECK(info.si_code == SI_TIMER && info.si_value.sival_int == 4321);
    CHECK_EQ(syscall(SYS_timer_getoverrun, id), info.si_overrun);
    FAILS(EFAULT, SYS_timer_settime, id, 0, NOWHERE, NULL);
    FAILS(EINVAL, SYS_timer_settime, id, 0, NULL, NULL);
    FAILS(EFAULT, SYS_timer_settime, id, 0, &soon, NOWHERE);
    CHECK_EQ(syscall(SYS_timer_delete, id), 0);
    FAILS(EINVAL, SYS_timer_settime, id, 0, &soon, NULL);
    FAILS(EINVAL, SYS_timer_getoverrun, id);
    FAILS(EINVAL, SYS_timer_delete, id);
    FAILS(EINVAL, SYS_timer_create, 99, &event, &id);
    FAILS(EFAULT, SYS_timer_create, CLOCK_MONOTONIC, NOWHERE, &id);
    FAILS(EFAULT, SYS_timer_create, CLOCK_MONOTONIC, &event, NOWHERE);
    event._sigev_un._tid = 0x3ffffffe;
    FAILS(EINVAL, SYS_timer_create, CLOCK_MONOTONIC, &event, &id);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "nanosleep", spans },
        { "clock_nanosleep", clocks },
        { "timer_create, timer_settime, timer_getoverrun, timer_delete", timers },
    };
    struct sigaction action = { .sa_handler = handler };
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    run_gates(tests, COUNT(tests));
    return 0;
}
