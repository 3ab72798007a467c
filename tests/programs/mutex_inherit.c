/* Priority-inheriting mutexes stand on kernel futexes of their own kind (FUTEX_LOCK_PI): they
 * exclude, time out, and name a deadlock. */
#include "test.h"

#include <sched.h>

static pthread_mutex_t lock;
static long total;

static void *worker(void *arg)
{
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(pthread_mutex_lock(&lock), 0);
        long seen = total;
        sched_yield();
        total = seen + 1;
        CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    }
    return arg;
}

static void *times_out(void *arg)
{
    struct timespec then = in_ms(CLOCK_REALTIME, 30);
    CHECK_EQ(pthread_mutex_trylock(&lock), EBUSY);
    CHECK_EQ(pthread_mutex_timedlock(&lock, &then), ETIMEDOUT);
    return arg;
}

int main(void)
{
    pthread_t threads[8];
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    CHECK_EQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
    CHECK_EQ(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK), 0);
    CHECK_EQ(pthread_mutex_init(&lock, &attr), 0);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(worker, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    printf("total %ld\n", total);
    CHECK_EQ(pthread_mutex_lock(&lock), 0);
    CHECK_EQ(pthread_mutex_lock(&lock), EDEADLK);
    join(start(times_out, NULL));
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    CHECK_EQ(pthread_mutex_unlock(&lock), EPERM);
    puts("timed out and deadlock named");
    return 0;
}
