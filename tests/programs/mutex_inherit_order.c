/* A priority-inheritance mutex passes to the first who waits, not to who unlocks and comes again; and to
 * a waiter when its owner ends without unlocking. */
#include "test.h"

#define WAITERS 4

static pthread_mutex_t mutex;
static volatile int turns;

static void *takes_a_turn(void *arg)
{
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    CHECK_EQ(turns, (long)arg);
    turns++;
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    return NULL;
}

static void *leaves_it_locked(void *arg)
{
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    sleep_ms(50);
    return arg;
}

static void init(int robust)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    CHECK_EQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
    CHECK_EQ(pthread_mutexattr_setrobust(&attr, robust), 0);
    CHECK_EQ(pthread_mutex_init(&mutex, &attr), 0);
}

int main(void)
{
    pthread_t threads[WAITERS];
    init(PTHREAD_MUTEX_STALLED);
    pthread_mutex_lock(&mutex);
    for (long i = 0; i < WAITERS; i++) {
        threads[i] = start(takes_a_turn, (void *)i);
        sleep_ms(30);
    }
    pthread_mutex_unlock(&mutex);
    pthread_mutex_lock(&mutex);
    CHECK_EQ(turns, WAITERS);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < WAITERS; i++)
        join(threads[i]);
    init(PTHREAD_MUTEX_ROBUST);
    threads[0] = start(leaves_it_locked, NULL);
    sleep_ms(20);
    CHECK_EQ(pthread_mutex_lock(&mutex), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(&mutex), 0);
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    join(threads[0]);
    puts("handed over in order");
    return 0;
}
