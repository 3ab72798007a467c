/* Locks made the way Rust's standard library makes them: a mutex, a condition variable, a parker
 * and a read-write gate by syscall(SYS_futex), with absolute time-outs by FUTEX_WAIT_BITSET. */
#include "test.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>

static long futex(atomic_uint *word, int op, unsigned value, const struct timespec *then)
{
    return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, then, NULL, ~0u);
}

/* Waits while @word is @value; false if the monotonic time @then came first. */
static bool futex_wait(atomic_uint *word, unsigned value, const struct timespec *then)
{
    while (atomic_load(word) == value) {
        long result = futex(word, FUTEX_WAIT_BITSET, value, then);
        if (result == 0 || errno == EAGAIN)
            return true;
        if (errno == ETIMEDOUT)
            return false;
        CHECK_EQ(errno, EINTR);
    }
    return true;
}

/* 0 free, 1 locked, 2 locked and contended. */
static void mutex_lock(atomic_uint *mutex)
{
    unsigned zero = 0;
    if (atomic_compare_exchange_strong(mutex, &zero, 1))
        return;
    while (atomic_exchange(mutex, 2) != 0)
        futex_wait(mutex, 2, NULL);
}

static void mutex_unlock(atomic_uint *mutex)
{
    if (atomic_exchange(mutex, 0) == 2)
        futex(mutex, FUTEX_WAKE, 1, NULL);
}

static bool cond_wait(atomic_uint *cond, atomic_uint *mutex, const struct timespec *then)
{
    unsigned seen = atomic_load(cond);
    mutex_unlock(mutex);
    bool in_time = futex_wait(cond, seen, then);
    mutex_lock(mutex);
    return in_time;
}

static void cond_notify(atomic_uint *cond, int count)
{
    atomic_fetch_add(cond, 1);
    futex(cond, FUTEX_WAKE, (unsigned)count, NULL);
}

static atomic_uint lock, changed;
static long total, items, taken;
static bool closed;

static void *counts(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        mutex_lock(&lock);
        total++;
        mutex_unlock(&lock);
    }
    return arg;
}

static void *takes(void *arg)
{
    mutex_lock(&lock);
    while (items > 0 || !closed) {
        if (items == 0) {
            cond_wait(&changed, &lock, NULL);
            continue;
        }
        items--;
        taken++;
    }
    mutex_unlock(&lock);
    return arg;
}

/* A parker: -1 parked, 0 empty, 1 notified. */
static void *parks(void *arg)
{
    atomic_uint *state = arg;
    for (int i = 0; i < 500; i++)
        while (atomic_exchange(state, 0) != 1)
            futex_wait(state, 0, NULL);
    return NULL;
}

static void unpark(atomic_uint *state)
{
    while (atomic_load(state) != 0)
        syscall(SYS_sched_yield);
    atomic_store(state, 1);
    futex(state, FUTEX_WAKE, 1, NULL);
}

static void timeouts(void)
{
    struct timespec then = in_ms(CLOCK_MONOTONIC, 30);
    int64_t begin = now_ms();
    mutex_lock(&lock);
    while (cond_wait(&changed, &lock, &then))
        continue;
    mutex_unlock(&lock);
    CHECK(now_ms() - begin >= 29);
    puts("timed out");
}

int main(void)
{
    pthread_t threads[8];
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(counts, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    printf("total %ld\n", total);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(takes, NULL);
    for (int i = 0; i < 3000; i++) {
        mutex_lock(&lock);
        items++;
        mutex_unlock(&lock);
        cond_notify(&changed, 1);
    }
    mutex_lock(&lock);
    closed = true;
    mutex_unlock(&lock);
    cond_notify(&changed, INT32_MAX);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    printf("taken %ld, left %ld\n", taken, items);
    atomic_uint state = 0;
    pthread_t parked = start(parks, &state);
    for (int i = 0; i < 500; i++)
        unpark(&state);
    join(parked);
    puts("unparked");
    timeouts();
    return 0;
}
