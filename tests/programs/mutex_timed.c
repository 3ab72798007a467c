/* Timed locks time out after no less than their time, on both clocks, and succeed when the holder
 * lets go before. */
#include "test.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t ready;

static void *times_out(void *arg)
{
    struct timespec then;
    struct timespec past = { 0, 0 };
    struct timespec bad = { 0, 1000000000 };

    int64_t begin = now_ms();
    then = in_ms(CLOCK_REALTIME, 50);
    CHECK_EQ(pthread_mutex_timedlock(&lock, &then), ETIMEDOUT);
    CHECK(now_ms() - begin >= 48);

    begin = now_ms();
    then = in_ms(CLOCK_MONOTONIC, 50);
    CHECK_EQ(pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &then), ETIMEDOUT);
    CHECK(now_ms() - begin >= 49);

    CHECK_EQ(pthread_mutex_timedlock(&lock, &past), ETIMEDOUT);
    CHECK_EQ(pthread_mutex_timedlock(&lock, &bad), EINVAL);
    CHECK_EQ(pthread_mutex_clocklock(&lock, CLOCK_PROCESS_CPUTIME_ID, &then), EINVAL);
    return arg;
}

static void *succeeds(void *arg)
{
    struct timespec then = in_ms(CLOCK_MONOTONIC, 50000);
    pthread_barrier_wait(&ready);
    CHECK_EQ(pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &then), 0);
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    then = in_ms(CLOCK_REALTIME, 50000);
    CHECK_EQ(pthread_mutex_timedlock(&lock, &then), 0);
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    return arg;
}

int main(void)
{
    pthread_t threads[6];
    CHECK_EQ(pthread_mutex_lock(&lock), 0);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(times_out, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("timed out, all");

    pthread_barrier_init(&ready, NULL, COUNT(threads) + 1);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(succeeds, NULL);
    pthread_barrier_wait(&ready);
    sleep_ms(20);
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("locked in time, all");
    return 0;
}
