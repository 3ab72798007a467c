/* The ways to join: result, try, timed by both clocks, by a third thread, of oneself, of main. */
#include "test.h"

#include <semaphore.h>

static sem_t hold;
static pthread_t first, second;

static void *is_held(void *arg)
{
    sem_wait(&hold);
    return arg;
}

static void *joins(void *arg)
{
    return join(*(pthread_t *)arg);
}

static void *exits(void *arg)
{
    pthread_exit((char *)arg + 5);
}

static void *joins_main(void *arg)
{
    void *result;
    CHECK_EQ(pthread_join(*(pthread_t *)arg, &result), 0);
    CHECK_EQ((long)result, 123);
    puts("main was joined");
    exit(0);
}

int main(void)
{
    void *result = NULL;
    struct timespec then;
    sem_init(&hold, 0, 0);

    CHECK_EQ(pthread_join(pthread_self(), NULL), EDEADLK);
    CHECK_EQ((long)join(start(exits, (void *)10L)), 15);
    puts("result by pthread_exit");

    first = start(is_held, (void *)1L);
    CHECK_EQ(pthread_tryjoin_np(first, &result), EBUSY);
    int64_t begin = now_ms();
    then = in_ms(CLOCK_REALTIME, 30);
    CHECK_EQ(pthread_timedjoin_np(first, &result, &then), ETIMEDOUT);
    CHECK(now_ms() - begin >= 28);
    begin = now_ms();
    then = in_ms(CLOCK_MONOTONIC, 30);
    CHECK_EQ(pthread_clockjoin_np(first, &result, CLOCK_MONOTONIC, &then), ETIMEDOUT);
    CHECK(now_ms() - begin >= 29);
    sem_post(&hold);
    then = in_ms(CLOCK_MONOTONIC, 50000);
    CHECK_EQ(pthread_clockjoin_np(first, &result, CLOCK_MONOTONIC, &then), 0);
    CHECK_EQ((long)result, 1);
    puts("timed joins");

    first = start(is_held, (void *)2L);
    second = start(joins, &first);
    sleep_ms(20);
    sem_post(&hold);
    CHECK_EQ((long)join(second), 2);
    puts("joined by a third thread");

    first = start(is_held, (void *)3L);
    sem_post(&hold);
    int error;
    while ((error = pthread_tryjoin_np(first, &result)) == EBUSY)
        sleep_ms(1);
    CHECK_EQ(error, 0);
    CHECK_EQ((long)result, 3);
    puts("tried until it ended");

    pthread_t self = pthread_self();
    fflush(stdout);
    start(joins_main, &self);
    pthread_exit((void *)123L);
}
