/* Recursive mutexes count their owner's locks; error-checking ones name each misuse. */
#include "test.h"

#include <sched.h>

static pthread_mutex_t lock;
static int depth_seen;

static void make(int kind)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    CHECK_EQ(pthread_mutexattr_settype(&attr, kind), 0);
    CHECK_EQ(pthread_mutex_init(&lock, &attr), 0);
}

static void descend(int depth)
{
    CHECK_EQ(pthread_mutex_lock(&lock), 0);
    if (depth > 0) {
        sched_yield();
        descend(depth - 1);
    } else {
        depth_seen++;
    }
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
}

static void *descends(void *arg)
{
    for (int i = 0; i < 20; i++)
        descend(10);
    return arg;
}

static void *misuses(void *arg)
{
    CHECK_EQ(pthread_mutex_unlock(&lock), EPERM);
    CHECK_EQ(pthread_mutex_trylock(&lock), EBUSY);
    return arg;
}

static void *waits(void *arg)
{
    CHECK_EQ(pthread_mutex_lock(&lock), 0);
    CHECK_EQ(pthread_mutex_lock(&lock), EDEADLK);
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    return arg;
}

int main(void)
{
    pthread_t threads[8];
    make(PTHREAD_MUTEX_RECURSIVE);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(descends, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    printf("recursive: %d\n", depth_seen);
    CHECK_EQ(pthread_mutex_lock(&lock), 0);
    CHECK_EQ(pthread_mutex_trylock(&lock), 0);
    join(start(misuses, NULL));
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    join(start(misuses, NULL));
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    CHECK_EQ(pthread_mutex_unlock(&lock), EPERM);

    make(PTHREAD_MUTEX_ERRORCHECK);
    CHECK_EQ(pthread_mutex_unlock(&lock), EPERM);
    CHECK_EQ(pthread_mutex_lock(&lock), 0);
    CHECK_EQ(pthread_mutex_lock(&lock), EDEADLK);
    CHECK_EQ(pthread_mutex_trylock(&lock), EBUSY);
    join(start(misuses, NULL));
    pthread_t waiting = start(waits, NULL);
    sched_yield();
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    join(waiting);
    CHECK_EQ(pthread_mutex_destroy(&lock), 0);
    puts("errorcheck: every misuse was named");
    return 0;
}
