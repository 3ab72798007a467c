/* Timed waits on condition variables: each clock, after no less than their time, with the mutex
 * held again; a signal in time is no timeout. */
#include "test.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t realtime = PTHREAD_COND_INITIALIZER;
static pthread_cond_t monotonic;
static int told;

static void *times_out(void *arg)
{
    struct timespec then;
    struct timespec past = { 0, 0 };
    struct timespec bad = { 0, -1 };
    int error;

    pthread_mutex_lock(&lock);
    int64_t begin = now_ms();
    then = in_ms(CLOCK_REALTIME, 40);
    while ((error = pthread_cond_timedwait(&realtime, &lock, &then)) == 0)
        continue;
    CHECK_EQ(error, ETIMEDOUT);
    CHECK(now_ms() - begin >= 38);

    begin = now_ms();
    then = in_ms(CLOCK_MONOTONIC, 40);
    while ((error = pthread_cond_timedwait(&monotonic, &lock, &then)) == 0)
        continue;
    CHECK_EQ(error, ETIMEDOUT);
    CHECK(now_ms() - begin >= 39);

    begin = now_ms();
    then = in_ms(CLOCK_MONOTONIC, 40);
    while ((error = pthread_cond_clockwait(&realtime, &lock, CLOCK_MONOTONIC, &then)) == 0)
        continue;
    CHECK_EQ(error, ETIMEDOUT);
    CHECK(now_ms() - begin >= 39);

    CHECK_EQ(pthread_cond_timedwait(&realtime, &lock, &past), ETIMEDOUT);
    CHECK_EQ(pthread_cond_timedwait(&realtime, &lock, &bad), EINVAL);
    CHECK_EQ(pthread_mutex_trylock(&lock), EBUSY);
    pthread_mutex_unlock(&lock);
    return arg;
}

static void *is_told(void *arg)
{
    struct timespec then = in_ms(CLOCK_MONOTONIC, 50000);
    pthread_mutex_lock(&lock);
    while (told == 0)
        CHECK_EQ(pthread_cond_timedwait(&monotonic, &lock, &then), 0);
    told--;
    pthread_mutex_unlock(&lock);
    return arg;
}

int main(void)
{
    pthread_t threads[6];
    pthread_condattr_t attr;
    clockid_t clock;
    pthread_condattr_init(&attr);
    CHECK_EQ(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), 0);
    CHECK_EQ(pthread_condattr_getclock(&attr, &clock), 0);
    CHECK_EQ(clock, CLOCK_MONOTONIC);
    CHECK_EQ(pthread_cond_init(&monotonic, &attr), 0);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(times_out, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("timed out, all");
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(is_told, NULL);
    for (int i = 0; i < COUNT(threads); i++) {
        sleep_ms(1);
        pthread_mutex_lock(&lock);
        told++;
        pthread_cond_signal(&monotonic);
        pthread_mutex_unlock(&lock);
    }
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    printf("told in time, all; left %d\n", told);
    return 0;
}
