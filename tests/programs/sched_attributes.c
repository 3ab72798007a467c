/* Each thread has a policy, a priority and a niceness of its own, which a new thread inherits and a
 * forked child takes along. A waiter of higher real-time priority gets the lock or the post first. */
#include "test.h"

#include <sched.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define WAITERS 3

static pthread_barrier_t barrier;
static sem_t posts;
static pthread_mutex_t served_lock = PTHREAD_MUTEX_INITIALIZER;
static int served[WAITERS], served_count;

static int policy_of(pthread_t thread, int *priority)
{
    struct sched_param parameter;
    int policy;
    CHECK_EQ(pthread_getschedparam(thread, &policy, &parameter), 0);
    *priority = parameter.sched_priority;
    return policy;
}

static int may_be_realtime(void)
{
    struct sched_param parameter = { .sched_priority = 1 };
    struct sched_param none = { 0 };
    if (sched_setscheduler(0, SCHED_RR, &parameter) != 0)
        return 0;
    CHECK_EQ(sched_setscheduler(0, SCHED_OTHER, &none), 0);
    return 1;
}

static void *ends(void *arg)
{
    int priority;
    CHECK_EQ(policy_of(pthread_self(), &priority), (long)arg);
    CHECK_EQ(sched_getscheduler(0), (long)arg);
    return NULL;
}

static void *has_its_own(void *arg)
{
    struct sched_param parameter = { .sched_priority = 5 };
    struct timespec interval;
    int priority, status;
    CHECK_EQ(pthread_setschedparam(pthread_self(), SCHED_RR, &parameter), 0);
    CHECK_EQ(policy_of(pthread_self(), &priority), SCHED_RR);
    CHECK_EQ(priority, 5);
    CHECK_EQ(sched_rr_get_interval(0, &interval), 0);
    CHECK(interval.tv_sec > 0 || interval.tv_nsec > 0);
    CHECK_EQ(pthread_setschedprio(pthread_self(), 7), 0);
    CHECK_EQ(sched_getparam(gettid(), &parameter), 0);
    CHECK_EQ(parameter.sched_priority, 7);
    join(start(ends, (void *)(long)SCHED_RR));
    pid_t child = fork();
    if (child == 0) {
        CHECK_EQ(sched_getparam(0, &parameter), 0);
        _exit(sched_getscheduler(0) == SCHED_RR && parameter.sched_priority == 7 ? 0 : 1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return arg;
}

/* struct sched_attr, of which libc has none. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t deadline[3];
};

static void *asks_the_kernel(void *arg)
{
    struct attributes now = { 0 }, wanted = { .size = sizeof(wanted), .policy = SCHED_BATCH };
    struct timespec interval;
    wanted.nice = getpriority(PRIO_PROCESS, 0) + 4;
    CHECK_EQ(syscall(SYS_sched_setattr, 0, &wanted, 0), 0);
    CHECK_EQ(syscall(SYS_sched_getattr, gettid(), &now, sizeof(now), 0), 0);
    CHECK_EQ(now.policy, SCHED_BATCH);
    CHECK_EQ(now.nice, wanted.nice);
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
    wanted.priority = 3;
    CHECK_EQ(syscall(SYS_sched_setattr, 0, &wanted, 0), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(syscall(SYS_sched_rr_get_interval, gettid(), &interval), 0);
    CHECK_EQ(syscall(SYS_sched_getattr, 0, (void *)8, sizeof(now), 0), -1);
    CHECK_EQ(errno, EFAULT);
    return arg;
}

/* Not every kernel or container lets one have it. */
static void *has_a_deadline(void *arg)
{
    struct attributes now = { 0 },
                      wanted = { .size = sizeof(wanted), .policy = 6 /* its number */ };
    struct sched_param parameter = { .sched_priority = 9 };
    wanted.deadline[0] = 1000000;
    wanted.deadline[1] = wanted.deadline[2] = 10000000;
    if (syscall(SYS_sched_setattr, 0, &wanted, 0) != 0)
        return arg;
    CHECK_EQ(sched_getscheduler(0), 6);
    CHECK_EQ(sched_getparam(0, &parameter), 0);
    CHECK_EQ(parameter.sched_priority, 0);
    CHECK_EQ(syscall(SYS_sched_getattr, 0, &now, sizeof(now), 0), 0);
    CHECK(now.deadline[0] == 1000000 && now.deadline[1] == 10000000);
    wanted.deadline[0] = 20000000;
    CHECK_EQ(syscall(SYS_sched_setattr, 0, &wanted, 0), -1);
    return arg;
}

static void *is_nice(void *arg)
{
    int base = getpriority(PRIO_PROCESS, 0);
    CHECK_EQ(setpriority(PRIO_PROCESS, 0, base + 2), 0);
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), base + 2);
    CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)getpid()), base);
    CHECK_EQ(nice(3), base + 5);
    CHECK_EQ(setpriority(PRIO_PROCESS, 0, 90), 0);
    CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)gettid()), 19);
    return arg;
}

static void *waits(void *arg)
{
    while (sem_wait(&posts) != 0)
        continue;
    pthread_mutex_lock(&served_lock);
    served[served_count++] = (int)(long)arg;
    pthread_mutex_unlock(&served_lock);
    return NULL;
}

/* The waiters come in the order of rising priority, and are served in that of falling priority. */
static void serves_the_highest_first(void)
{
    pthread_t threads[WAITERS];
    pthread_attr_t attr;
    sem_init(&posts, 0, 0);
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED), 0);
    CHECK_EQ(pthread_attr_setschedpolicy(&attr, SCHED_FIFO), 0);
    for (int i = 0; i < WAITERS; i++) {
        struct sched_param parameter = { .sched_priority = 10 * (i + 1) };
        CHECK_EQ(pthread_attr_setschedparam(&attr, &parameter), 0);
        threads[i] = start_with(&attr, waits, (void *)(long)i);
        sleep_ms(30);
    }
    for (int i = 0; i < WAITERS; i++) {
        sem_post(&posts);
        sleep_ms(30);
    }
    for (int i = 0; i < WAITERS; i++)
        join(threads[i]);
    for (int i = 0; i < WAITERS; i++)
        CHECK_EQ(served[i], WAITERS - 1 - i);
}

int main(void)
{
    struct sched_param parameter = { 0 };
    int priority;
    CHECK_EQ(pthread_setschedparam(pthread_self(), 77, &parameter), EINVAL);
    parameter.sched_priority = 100;
    CHECK_EQ(pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameter), EINVAL);
    CHECK_EQ(sched_setparam(0, NULL), -1);
    CHECK_EQ(errno, EINVAL);
    int base = getpriority(PRIO_PROCESS, 0);
    join(start(is_nice, NULL));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), base);
    join(start(asks_the_kernel, NULL));
    join(start(has_a_deadline, NULL));
    if (!may_be_realtime()) {
        puts("real-time policies are not permitted");
        return 77;
    }
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t thread = start(has_its_own, NULL);
    pthread_barrier_wait(&barrier);
    CHECK_EQ(policy_of(thread, &priority), SCHED_RR);
    CHECK_EQ(priority, 7);
    CHECK_EQ(policy_of(pthread_self(), &priority), SCHED_OTHER);
    pthread_barrier_wait(&barrier);
    join(thread);
    serves_the_highest_first();
    puts("each as asked, the highest first");
    return 0;
}
