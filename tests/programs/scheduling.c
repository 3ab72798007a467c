/* Affinity, policy and priority, CPU clocks and usage of single threads, for oneself and others. */
#include "test.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static pthread_barrier_t barrier;
static pid_t spinner_id;

static int64_t thread_cpu_ms(pthread_t thread)
{
    clockid_t clock;
    CHECK_EQ(pthread_getcpuclockid(thread, &clock), 0);
    return clock_ms(clock);
}

static void *spins(void *arg)
{
    struct rusage usage;
    spinner_id = gettid();
    pthread_barrier_wait(&barrier);
    while (clock_ms(CLOCK_THREAD_CPUTIME_ID) < 60)
        continue;
    CHECK(thread_cpu_ms(pthread_self()) >= 60);
    CHECK_EQ(getrusage(RUSAGE_THREAD, &usage), 0);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return arg;
}

static void *rests(void *arg)
{
    cpu_set_t all, one, now;
    unsigned here;
    int cpu = 0;
    CHECK_EQ(pthread_getaffinity_np(pthread_self(), sizeof(all), &all), 0);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK_EQ(pthread_setaffinity_np(pthread_self(), sizeof(one), &one), 0);
    CHECK_EQ(sched_getaffinity(gettid(), sizeof(now), &now), 0);
    CHECK(CPU_EQUAL(&one, &now));
    CHECK_EQ(sched_getcpu(), cpu);
    CHECK_EQ(getcpu(&here, NULL), 0);
    CHECK_EQ(here, cpu);
    CHECK_EQ(syscall(SYS_getcpu, &here, NULL, NULL), 0);
    CHECK_EQ(here, cpu);
    CHECK_EQ(pthread_setaffinity_np(pthread_self(), sizeof(all), &all), 0);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return arg;
}

int main(void)
{
    struct sched_param parameter;
    int policy;
    pthread_barrier_init(&barrier, NULL, 3);
    pthread_t spinner = start(spins, NULL), rester = start(rests, NULL);
    pthread_barrier_wait(&barrier);
    CHECK_EQ(pthread_getschedparam(spinner, &policy, &parameter), 0);
    CHECK(policy == SCHED_OTHER && parameter.sched_priority == 0);
    CHECK_EQ(pthread_setschedparam(spinner, SCHED_OTHER, &parameter), 0);
    CHECK_EQ(pthread_setschedprio(spinner, 99), EINVAL);
    CHECK_EQ(sched_getscheduler(spinner_id), SCHED_OTHER);
    errno = 0;
    CHECK(getpriority(PRIO_PROCESS, (id_t)spinner_id) >= -20);
    CHECK_EQ(errno, 0);
    pthread_barrier_wait(&barrier);
    CHECK(thread_cpu_ms(spinner) >= 60);
    CHECK(thread_cpu_ms(rester) < 60);
    CHECK(clock_ms(CLOCK_PROCESS_CPUTIME_ID) >= 60);
    pthread_barrier_wait(&barrier);
    join(spinner);
    join(rester);
    puts("each thread's own");
    return 0;
}
