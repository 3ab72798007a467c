/* pthread keys: values are per thread; destructors run again while they set values anew, but no
 * more than PTHREAD_DESTRUCTOR_ITERATIONS times; a deleted key's destructor does not run. */
#include "test.h"

#include <limits.h>
#include <sched.h>

#define THREADS 20

static pthread_key_t stubborn, twice, deleted, many[100];
static int stubborn_runs, twice_runs, deleted_runs, many_runs;

static void stubborn_gone(void *value)
{
    __atomic_add_fetch(&stubborn_runs, 1, __ATOMIC_SEQ_CST);
    sched_yield();
    pthread_setspecific(stubborn, value);
}

static void twice_gone(void *value)
{
    __atomic_add_fetch(&twice_runs, 1, __ATOMIC_SEQ_CST);
    CHECK(pthread_getspecific(twice) == NULL);
    if ((long)value == 1)
        pthread_setspecific(twice, (void *)2L);
}

static void deleted_gone(void *value)
{
    (void)value;
    deleted_runs++;
}

static void many_gone(void *value)
{
    CHECK(value != NULL);
    __atomic_add_fetch(&many_runs, 1, __ATOMIC_SEQ_CST);
}

static void *worker(void *arg)
{
    CHECK(pthread_getspecific(stubborn) == NULL);
    pthread_setspecific(stubborn, arg);
    pthread_setspecific(twice, (void *)1L);
    pthread_setspecific(deleted, arg);
    for (int i = 0; i < COUNT(many); i++)
        CHECK_EQ(pthread_setspecific(many[i], (char *)arg + i), 0);
    for (int i = 0; i < COUNT(many); i++) {
        sched_yield();
        CHECK(pthread_getspecific(many[i]) == (char *)arg + i);
    }
    return NULL;
}

static void *waits_for_delete(void *arg)
{
    pthread_setspecific(deleted, arg);
    pthread_barrier_wait(arg);
    pthread_barrier_wait(arg);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK_EQ(pthread_key_create(&stubborn, stubborn_gone), 0);
    CHECK_EQ(pthread_key_create(&twice, twice_gone), 0);
    CHECK_EQ(pthread_key_create(&deleted, deleted_gone), 0);
    for (int i = 0; i < COUNT(many); i++)
        CHECK_EQ(pthread_key_create(&many[i], many_gone), 0);

    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t waiting = start(waits_for_delete, &barrier);
    pthread_barrier_wait(&barrier);
    CHECK_EQ(pthread_key_delete(deleted), 0);
    pthread_barrier_wait(&barrier);
    join(waiting);

    CHECK_EQ(pthread_key_create(&deleted, NULL), 0);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(worker, (void *)(i * 1000 + 1));
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("stubborn %d, limit %d\n", stubborn_runs / THREADS, PTHREAD_DESTRUCTOR_ITERATIONS);
    printf("twice %d, deleted %d, many %d\n", twice_runs, deleted_runs, many_runs);
    CHECK(pthread_getspecific(twice) == NULL);
    return 0;
}
