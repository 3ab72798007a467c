/* Timed read and write locks on both clocks; a waiting writer keeps new readers out when the lock
 * prefers writers. */
#include "test.h"

#include <semaphore.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t kept_out;

static void *writer_times_out(void *arg)
{
    int64_t begin = now_ms();
    struct timespec then = in_ms(CLOCK_MONOTONIC, 30);
    CHECK_EQ(pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &then), ETIMEDOUT);
    CHECK(now_ms() - begin >= 29);
    then = in_ms(CLOCK_REALTIME, 30);
    CHECK_EQ(pthread_rwlock_timedwrlock(&lock, &then), ETIMEDOUT);
    return arg;
}

static void *reader_times_out(void *arg)
{
    int64_t begin = now_ms();
    struct timespec then = in_ms(CLOCK_MONOTONIC, 30);
    CHECK_EQ(pthread_rwlock_clockrdlock(&lock, CLOCK_MONOTONIC, &then), ETIMEDOUT);
    CHECK(now_ms() - begin >= 29);
    then = in_ms(CLOCK_REALTIME, 30);
    CHECK_EQ(pthread_rwlock_timedrdlock(&lock, &then), ETIMEDOUT);
    return arg;
}

static void *writes_at_last(void *arg)
{
    struct timespec then = in_ms(CLOCK_REALTIME, 50000);
    CHECK_EQ(pthread_rwlock_timedwrlock(&lock, &then), 0);
    *(int *)arg += 1;
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    return NULL;
}

static void *reads_while_writer_waits(void *arg)
{
    struct timespec then = in_ms(CLOCK_REALTIME, 50000);
    /* Until the writer waits, the lock can still be had. */
    while (pthread_rwlock_tryrdlock(&lock) == 0) {
        pthread_rwlock_unlock(&lock);
        sleep_ms(1);
    }
    sem_post(&kept_out);
    CHECK_EQ(pthread_rwlock_timedrdlock(&lock, &then), 0);
    CHECK_EQ(*(int *)arg, 1);
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    return NULL;
}

int main(void)
{
    sem_init(&kept_out, 0, 0);
    CHECK_EQ(pthread_rwlock_rdlock(&lock), 0);
    join(start(writer_times_out, NULL));
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    puts("writer timed out");
    CHECK_EQ(pthread_rwlock_wrlock(&lock), 0);
    join(start(reader_times_out, NULL));
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    puts("reader timed out");

    pthread_rwlockattr_t attr;
    int written = 0;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&lock, &attr);
    CHECK_EQ(pthread_rwlock_rdlock(&lock), 0);
    pthread_t writer = start(writes_at_last, &written);
    pthread_t reader = start(reads_while_writer_waits, &written);
    CHECK_EQ(sem_wait(&kept_out), 0);
    sleep_ms(20);
    CHECK_EQ(written, 0);
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    join(writer);
    join(reader);
    puts("the waiting writer went first");
    return 0;
}
