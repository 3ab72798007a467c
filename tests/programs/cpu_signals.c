/* Signals for used CPU time go to the thread that uses it, not to main, which only waits: profilers
 * tell by them which functions cost what. */
#include "test.h"

#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

#define ENOUGH   8
#define TICK_US  2000
#define BUSY     2
#define PATIENCE 30000 /* ms */

static volatile int ticks_main, ticks_busy[BUSY], ticks_inside;
static __thread int self = -1; /* main's */

static void on_tick(int number)
{
    (void)number;
    if (self < 0)
        ticks_main++;
    else
        ticks_busy[self]++;
}

static void *works(void *arg)
{
    int64_t begin = now_ms();
    self = (int)(long)arg;
    while (ticks_busy[self] < ENOUGH && ticks_main < 10 * ENOUGH && now_ms() - begin < PATIENCE)
        ;
    return arg;
}

static void check(const char *what)
{
    pthread_t threads[BUSY];
    for (long i = 0; i < BUSY; i++)
        threads[i] = start(works, (void *)i);
    for (int i = 0; i < BUSY; i++)
        join(threads[i]);
    printf("%s:", what);
    for (int i = 0; i < BUSY; i++)
        printf(" %s", ticks_busy[i] >= ENOUGH ? "often" : "seldom");
    printf(", in main %s\n", ticks_main < ENOUGH ? "seldom" : "often");
    ticks_main = 0;
    memset((void *)ticks_busy, 0, sizeof(ticks_busy));
}

static void by_itimer(const char *what, int which)
{
    struct itimerval every = { { 0, TICK_US }, { 0, TICK_US } }, never = { 0 };
    CHECK_EQ(setitimer(which, &every, NULL), 0);
    check(what);
    CHECK_EQ(setitimer(which, &never, NULL), 0);
}

static void by_timer(const char *what)
{
    struct itimerspec every = { { 0, TICK_US * 1000 }, { 0, TICK_US * 1000 } };
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
    timer_t timer;
    CHECK_EQ(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer), 0);
    CHECK_EQ(timer_settime(timer, 0, &every, NULL), 0);
    check(what);
    CHECK_EQ(timer_delete(timer), 0);
}

static void *does_nothing(void *arg)
{
    return arg;
}

static long __attribute__((noinline)) spins(int64_t until)
{
    volatile long sum = 0;
    while (ticks_busy[0] < ENOUGH && now_ms() < until)
        for (int i = 0; i < 10000; i++)
            sum += i;
    return sum;
}

static void on_sample(int number, siginfo_t *info, void *context)
{
    char *pc = (char *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    (void)number, (void)info;
    ticks_busy[0]++;
    ticks_inside += pc >= (char *)spins && pc < (char *)spins + 512;
}

static void *samples(void *arg)
{
    spins(now_ms() + PATIENCE);
    return arg;
}

/* What a profiler sees is the function that costs. */
static void profile(void)
{
    struct sigaction action = { .sa_sigaction = on_sample, .sa_flags = SA_SIGINFO | SA_RESTART };
    struct itimerval every = { { 0, TICK_US }, { 0, TICK_US } }, never = { 0 };
    CHECK_EQ(sigaction(SIGPROF, &action, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_PROF, &every, NULL), 0);
    join(start(samples, NULL));
    CHECK_EQ(setitimer(ITIMER_PROF, &never, NULL), 0);
    printf("samples in the function that costs: %s\n",
           2 * ticks_inside > ticks_busy[0] ? "most" : "few");
}

int main(void)
{
    struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
    CHECK_EQ(sigaction(SIGPROF, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGVTALRM, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGRTMIN, &action, NULL), 0);
    join(start(does_nothing, NULL)); /* the first thread may cost main something */
    by_itimer("ITIMER_PROF", ITIMER_PROF);
    by_itimer("ITIMER_VIRTUAL", ITIMER_VIRTUAL);
    by_timer("a timer of the process's CPU clock");
    profile();
    return 0;
}
