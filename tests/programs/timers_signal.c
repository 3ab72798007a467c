/* setitimer, alarm and timer_create signals arrive while threads work, and interrupt
 * main's pause. */
#include "test.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t alarms, ticks;
static int stop;

static void on_alarm(int number)
{
    (void)number;
    alarms++;
}

static void on_tick(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_code == SI_TIMER)
        CHECK_EQ(info->si_value.sival_int, 1234);
    ticks++;
}

static void *computes(void *arg)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
        if (arg)
            usleep(500);
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    struct sigaction action = { .sa_handler = on_alarm };
    struct itimerval every = { { 0, 5000 }, { 0, 5000 } }, none = { 0 }, old;
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    action = (struct sigaction){ .sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART };
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(computes, i ? "sleeps" : NULL);

    CHECK_EQ(setitimer(ITIMER_REAL, &every, NULL), 0);
    while (alarms < 5)
        usleep(100000);
    CHECK_EQ(setitimer(ITIMER_REAL, &none, &old), 0);
    CHECK_EQ(old.it_interval.tv_usec, 5000);
    puts("setitimer: 5 alarms");

    alarms = 0;
    CHECK_EQ(alarm(1), 0);
    while (alarms == 0)
        usleep(5000000);
    CHECK_EQ(alarm(100), 0);
    CHECK(alarm(0) > 0);
    puts("alarm: 1");

    timer_t timer;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    struct itimerspec span = { span_ms(5), span_ms(5) };
    event.sigev_value.sival_int = 1234;
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    CHECK_EQ(timer_settime(timer, 0, &span, NULL), 0);
    while (ticks < 5)
        usleep(100000);
    CHECK_EQ(timer_delete(timer), 0);
    puts("timer: 5 ticks");
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    return 0;
}
