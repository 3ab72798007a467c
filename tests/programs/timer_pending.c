/* Timers whose signals are for one thread, which blocks them while the others do not: how often they have
 * expired is told with the signal and afterwards, and what is still pending when the timer is set
 * anew or deleted comes or not as the kernel has it. */
#include "test.h"

#include <signal.h>

#define EXPIRIES 20

static const struct itimerspec every = { { 0, 1000000 }, { 0, 1000000 } };
static const struct itimerspec once = { { 0, 0 }, { 0, 1000000 } };
static const struct itimerspec late = { { 0, 0 }, { 1000, 0 } };
static const struct itimerspec never;
static pthread_t receiver;
static volatile sig_atomic_t came, overrun;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    CHECK(pthread_equal(pthread_self(), receiver));
    if (info->si_code == SI_TIMER && info->si_overrun > overrun)
        overrun = info->si_overrun;
    came++;
}

static timer_t make(int number)
{
    timer_t timer;
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = number };
    event._sigev_un._tid = gettid();
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    return timer;
}

static void set(timer_t timer, const struct itimerspec *span)
{
    CHECK_EQ(timer_settime(timer, 0, span, NULL), 0);
}

/* Until @timer has expired so often that its overruns show. */
static void let_expire(timer_t timer, int number)
{
    sigset_t pending;
    set(timer, &every);
    int64_t then = now_ms() + 3 * EXPIRIES;
    do {
        sleep_ms(1);
        CHECK_EQ(sigpending(&pending), 0);
    } while (!sigismember(&pending, number) || now_ms() < then);
}

static int let_in(const sigset_t *signals)
{
    came = overrun = 0;
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, signals, NULL), 0);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, signals, NULL), 0);
    return came;
}

static void take(const char *when, const sigset_t *signals)
{
    int count = let_in(signals);
    printf("%s: %d, overruns %s\n", when, count, overrun > EXPIRIES ? "many" : "none");
}

static void with(int number, const sigset_t *signals)
{
    timer_t timer = make(number);
    siginfo_t info;
    let_expire(timer, number);
    CHECK_EQ(sigwaitinfo(signals, &info), number);
    CHECK_EQ(info.si_code, SI_TIMER);
    CHECK(info.si_overrun > EXPIRIES);
    CHECK_EQ(timer_getoverrun(timer), info.si_overrun);
    set(timer, &never);
    CHECK_EQ(timer_getoverrun(timer), 0);

    let_expire(timer, number);
    struct itimerspec wrong = { { 0, 0 }, { -1, 0 } };
    CHECK_EQ(timer_settime(timer, 0, &wrong, NULL), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK(let_in(signals) > 0 && overrun > EXPIRIES); /* it goes on, and more may come meanwhile */
    set(timer, &never);
    let_in(signals);
    take("nothing", signals);

    let_expire(timer, number);
    set(timer, &never);
    take("disarmed", signals);
    let_expire(timer, number);
    set(timer, &late);
    take("set anew", signals);

    CHECK_EQ(pthread_kill(receiver, number), 0);
    let_expire(timer, number);
    set(timer, &never);
    take("sent, disarmed", signals);
    CHECK_EQ(pthread_kill(receiver, number), 0);
    set(timer, &once);
    sleep_ms(20);
    take("sent, expired", signals);

    let_expire(timer, number);
    CHECK_EQ(timer_delete(timer), 0);
    take("deleted", signals);
}

static void *receives(void *arg)
{
    sigset_t signals;
    receiver = pthread_self();
    sigemptyset(&signals);
    sigaddset(&signals, SIGRTMIN);
    sigaddset(&signals, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &signals, NULL), 0);
    with(SIGRTMIN, &signals);
    with(SIGUSR1, &signals);
    return arg;
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
    CHECK_EQ(sigaction(SIGRTMIN, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    join(start(receives, NULL));
    return 0;
}
