/* Timers on the CPU clocks of single threads: they go while their thread runs, whoever else does. */
#include "test.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define INTERVAL_MS 10

static const struct itimerspec every = { { 0, INTERVAL_MS * 1000000 },
                                         { 0, INTERVAL_MS * 1000000 } };
static const struct itimerspec once = { { 0, 0 }, { 0, 50000000 } };
static const struct itimerspec never;
static volatile sig_atomic_t came, expired;
static volatile int stop;
static sem_t called;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    (void)number;
    CHECK_EQ(info->si_code, SI_TIMER);
    came++;
    expired += 1 + info->si_overrun;
}

static void on_timer(union sigval value)
{
    CHECK_EQ(value.sival_int, 77);
    sem_post(&called);
}

static void *spins(void *arg)
{
    while (!stop)
        continue;
    return arg;
}

/* Looks at the clock now and then only: each look may let the spinning thread have its turn. */
static void burn(int ms)
{
    int64_t until = clock_ms(CLOCK_THREAD_CPUTIME_ID) + ms;
    while (clock_ms(CLOCK_THREAD_CPUTIME_ID) < until) {
        for (volatile int i = 0; i < 200000; i++)
            continue;
    }
}

static timer_t make(clockid_t clock, int notify)
{
    timer_t timer;
    struct sigevent event = { .sigev_notify = notify, .sigev_signo = SIGRTMIN };
    if (notify == SIGEV_THREAD) {
        event.sigev_notify_function = on_timer;
        event.sigev_value.sival_int = 77;
    } else {
        event._sigev_un._tid = gettid();
    }
    CHECK_EQ(timer_create(clock, &event, &timer), 0);
    return timer;
}

static void set(timer_t timer, const struct itimerspec *span)
{
    came = expired = 0;
    CHECK_EQ(timer_settime(timer, 0, span, NULL), 0);
}

static void one_shot(clockid_t clock)
{
    timer_t timer = make(clock, SIGEV_SIGNAL);
    struct itimerspec left;
    set(timer, &once);
    sleep_ms(100);
    CHECK_EQ(timer_gettime(timer, &left), 0);
    printf("idle: %d, %s left\n", (int)came, left.it_value.tv_nsec > 20000000 ? "most" : "little");
    while (!came)
        burn(1);
    burn(60);
    CHECK_EQ(timer_gettime(timer, &left), 0);
    printf("busy: %d, %ld ns left\n", (int)came, left.it_value.tv_nsec);
    struct itimerspec past = { { 0, 0 }, { 0, 1 } };
    came = 0;
    CHECK_EQ(timer_settime(timer, TIMER_ABSTIME, &past, NULL), 0);
    while (!came)
        burn(1);
    CHECK_EQ(timer_delete(timer), 0);
}

static void periodic(void)
{
    timer_t timer = make(CLOCK_THREAD_CPUTIME_ID, SIGEV_THREAD_ID);
    struct itimerspec old;
    int64_t begin = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    set(timer, &every);
    burn(10 * INTERVAL_MS);
    CHECK(expired >= 5);
    CHECK(expired * INTERVAL_MS <= clock_ms(CLOCK_THREAD_CPUTIME_ID) - begin + 1);
    CHECK_EQ(timer_settime(timer, 0, &never, &old), 0);
    CHECK_EQ(old.it_interval.tv_nsec, every.it_interval.tv_nsec);
    CHECK(old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= every.it_value.tv_nsec);
    came = 0;
    burn(5 * INTERVAL_MS);
    printf("periodic, then disarmed: %d\n", (int)came);
    CHECK_EQ(timer_delete(timer), 0);
}

static void blocked(void)
{
    timer_t timer = make(CLOCK_THREAD_CPUTIME_ID, SIGEV_THREAD_ID);
    sigset_t signals;
    siginfo_t info;
    sigemptyset(&signals);
    sigaddset(&signals, SIGRTMIN);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &signals, NULL), 0);
    set(timer, &every);
    burn(10 * INTERVAL_MS);
    CHECK_EQ(sigwaitinfo(&signals, &info), SIGRTMIN);
    CHECK_EQ(info.si_code, SI_TIMER);
    CHECK(info.si_overrun >= 4);
    CHECK_EQ(timer_getoverrun(timer), info.si_overrun);
    CHECK_EQ(timer_delete(timer), 0);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &signals, NULL), 0);
    puts("blocked: overruns");
}

static void silent(void)
{
    timer_t timer = make(CLOCK_THREAD_CPUTIME_ID, SIGEV_NONE);
    struct itimerspec left;
    set(timer, &every);
    burn(3 * INTERVAL_MS);
    CHECK_EQ(timer_gettime(timer, &left), 0);
    CHECK(left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= every.it_value.tv_nsec);
    set(timer, &once);
    burn(60);
    CHECK_EQ(timer_gettime(timer, &left), 0);
    printf("silent: %d, %ld ns left\n", (int)came, left.it_value.tv_nsec);
    CHECK_EQ(timer_delete(timer), 0);
}

static void of_another(pthread_t other)
{
    clockid_t clock;
    struct itimerspec left = every;
    timer_t timer;
    CHECK_EQ(pthread_getcpuclockid(other, &clock), 0);
    timer = make(clock, SIGEV_SIGNAL);
    set(timer, &once);
    while (!came)
        sleep_ms(1);
    CHECK_EQ(timer_delete(timer), 0);
    timer = make(clock, SIGEV_THREAD);
    set(timer, &every);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(sem_wait(&called), 0);
    stop = 1;
    join(other);
    while (timer_settime(timer, 0, &every, NULL) == 0) /* it may still be on its way out */
        sleep_ms(1);
    CHECK_EQ(errno, ESRCH);
    CHECK_EQ(timer_gettime(timer, &left), 0);
    CHECK_EQ(left.it_value.tv_nsec, 0);
    CHECK_EQ(timer_delete(timer), 0);
    CHECK_EQ(timer_create(clock, NULL, &timer), -1);
    CHECK_EQ(errno, EINVAL);
    puts("another's: came");
}

/* By system call, where bad pointers are told; and a forked child has none. */
static void asks_the_kernel(void)
{
    int id = -1;
    struct itimerspec wrong = { { 0, 0 }, { 0, -1 } };
    void *nowhere = (void *)8;
    CHECK_EQ(syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, NULL, &id), 0);
    CHECK_EQ(syscall(SYS_timer_settime, id, 0, nowhere, NULL), -1);
    CHECK_EQ(errno, EFAULT);
    CHECK_EQ(syscall(SYS_timer_settime, id, 0, NULL, NULL), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(syscall(SYS_timer_settime, id, 0, &wrong, NULL), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(syscall(SYS_timer_gettime, id, nowhere), -1);
    CHECK_EQ(errno, EFAULT);
    pid_t child = fork();
    if (child == 0) {
        struct itimerspec left;
        CHECK_EQ(syscall(SYS_timer_gettime, id, &left), -1);
        CHECK_EQ(errno, EINVAL);
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(syscall(SYS_timer_delete, id), 0);
    CHECK_EQ(syscall(SYS_timer_gettime, id, &wrong), -1);
    CHECK_EQ(errno, EINVAL);
}

static void *runs_all(void *arg)
{
    clockid_t mine;
    CHECK_EQ(pthread_getcpuclockid(pthread_self(), &mine), 0);
    one_shot(CLOCK_THREAD_CPUTIME_ID);
    one_shot(mine);
    periodic();
    blocked();
    silent();
    return arg;
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };
    CHECK_EQ(sigaction(SIGRTMIN, &action, NULL), 0);
    CHECK_EQ(sem_init(&called, 0, 0), 0);
    pthread_t spinner = start(spins, NULL);
    join(start(runs_all, NULL));
    asks_the_kernel();
    of_another(spinner);
    return 0;
}
