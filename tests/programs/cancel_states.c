/* Cancellation disabled, deferred and asynchronous: a disabled thread finishes its blocking calls,
 * a deferred one computes on to its next point, an asynchronous one stops in the middle. */
#include "test.h"

#include <semaphore.h>

static sem_t started, go;
static pthread_key_t key;
static int passed, destroyed, spins;

static void key_gone(void *value)
{
    CHECK(value != NULL);
    destroyed++;
}

static void *disabled(void *arg)
{
    int old, ends[2];
    char byte;
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old), 0);
    CHECK_EQ(old, PTHREAD_CANCEL_ENABLE);
    sem_post(&started);
    sem_wait(&go);
    usleep(1000);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    pthread_testcancel();
    passed++;
    CHECK_EQ(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old), 0);
    pthread_testcancel();
    passed++;
    return arg;
}

static void *deferred(void *arg)
{
    sem_post(&started);
    while (__atomic_load_n(&spins, __ATOMIC_ACQUIRE) == 0)
        continue;
    passed++;
    pthread_setspecific(key, &spins);
    usleep(1);
    passed++;
    return arg;
}

static void *asynchronous(void *arg)
{
    int old;
    CHECK_EQ(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old), 0);
    CHECK_EQ(old, PTHREAD_CANCEL_DEFERRED);
    sem_post(&started);
    for (volatile unsigned i = 0;;)
        (void)i;
    return arg;
}

static void *cancels_itself(void *arg)
{
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    passed++;
    pthread_testcancel();
    return arg;
}

static void *returns(void *arg)
{
    sem_post(&started);
    return arg;
}

int main(void)
{
    sem_init(&started, 0, 0);
    sem_init(&go, 0, 0);
    CHECK_EQ(pthread_key_create(&key, key_gone), 0);

    pthread_t thread = start(disabled, NULL);
    sem_wait(&started);
    CHECK_EQ(pthread_cancel(thread), 0);
    sem_post(&go);
    CHECK(join(thread) == PTHREAD_CANCELED);
    printf("disabled: %d\n", passed);

    passed = 0;
    thread = start(deferred, NULL);
    sem_wait(&started);
    CHECK_EQ(pthread_cancel(thread), 0);
    sleep_ms(5);
    __atomic_store_n(&spins, 1, __ATOMIC_RELEASE);
    CHECK(join(thread) == PTHREAD_CANCELED);
    printf("deferred: %d, key destroyed %d\n", passed, destroyed);

    thread = start(asynchronous, NULL);
    sem_wait(&started);
    CHECK_EQ(pthread_cancel(thread), 0);
    CHECK(join(thread) == PTHREAD_CANCELED);
    puts("asynchronous: stopped");

    passed = 0;
    CHECK(join(start(cancels_itself, NULL)) == PTHREAD_CANCELED);
    printf("itself: %d\n", passed);

    thread = start(returns, (void *)7L);
    sem_wait(&started);
    sleep_ms(5);
    CHECK_EQ(pthread_cancel(thread), 0);
    CHECK_EQ((long)join(thread), 7);
    puts("ended already: its own result");
    return 0;
}
