/* The clock of each thread's CPU time, by every way to ask for it, and sleeping on another's. */
#include "test.h"

#include <sys/resource.h>
#include <sys/syscall.h>

static volatile int stop;
static pthread_barrier_t barrier;

static void *spins(void *arg)
{
    pthread_barrier_wait(&barrier);
    while (!stop)
        continue;
    return arg;
}

static int64_t usage_ms(void)
{
    struct rusage usage;
    CHECK_EQ(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 +
           usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000;
}

static void *burns(void *arg)
{
    struct timespec raw;
    CHECK(usage_ms() < 40);
    while (clock_ms(CLOCK_THREAD_CPUTIME_ID) < 50)
        continue;
    CHECK(usage_ms() >= 45);
    CHECK_EQ(syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &raw), 0);
    CHECK(raw.tv_sec > 0 || raw.tv_nsec >= 50000000);
    return arg;
}

/* By system call, where bad pointers are told. */
static void asks_the_kernel(clockid_t clock)
{
    struct timespec time = { 0 };
    struct rusage usage;
    CHECK_EQ(syscall(SYS_clock_getres, clock, &time), 0);
    CHECK_EQ(time.tv_nsec, 1);
    CHECK_EQ(syscall(SYS_clock_getres, clock, NULL), 0);
    CHECK_EQ(syscall(SYS_clock_gettime, clock, (void *)8), -1);
    CHECK_EQ(errno, EFAULT);
    CHECK_EQ(syscall(SYS_clock_settime, clock, &time), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(syscall(SYS_getrusage, RUSAGE_THREAD, &usage), 0);
    CHECK_EQ(syscall(SYS_getrusage, RUSAGE_THREAD, (void *)8), -1);
    CHECK_EQ(errno, EFAULT);
}

int main(void)
{
    clockid_t clock, mine, process;
    struct timespec resolution, pause = { 0, 30000000 }, zero = { 0 };
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t thread = start(spins, NULL);
    pthread_barrier_wait(&barrier);
    CHECK_EQ(pthread_getcpuclockid(thread, &clock), 0);
    CHECK_EQ(clock_getres(clock, &resolution), 0);
    CHECK_EQ(resolution.tv_nsec, 1);
    CHECK_EQ(clock_settime(clock, &zero), -1);
    CHECK_EQ(errno, EPERM);
    int64_t before = clock_ms(clock);
    CHECK_EQ(clock_nanosleep(clock, 0, &pause, NULL), 0);
    CHECK(clock_ms(clock) - before >= 29);
    pause = in_ms(clock, 20);
    CHECK_EQ(clock_nanosleep(clock, TIMER_ABSTIME, &pause, NULL), 0);
    pause.tv_nsec = -1;
    CHECK_EQ(clock_nanosleep(clock, 0, &pause, NULL), EINVAL);
    CHECK_EQ(pthread_getcpuclockid(pthread_self(), &mine), 0);
    CHECK(clock_ms(mine) < clock_ms(clock));
    CHECK_EQ(clock_nanosleep(mine, 0, &zero, NULL), EINVAL);
    CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &zero, NULL), EINVAL);
    CHECK_EQ(clock_getcpuclockid(getpid(), &process), 0);
    CHECK(clock_ms(process) >= clock_ms(clock));
    asks_the_kernel(clock);
    stop = 1;
    join(thread);
    join(start(burns, NULL));
    puts("each burns its own");
    return 0;
}
