/* Many threads go round and round through two locks, waiting for what one thread does under the second.
 * It must get that lock now and then, though it is free for moments only. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

#define CROWD  24
#define ROUNDS 200

static atomic_uint latch; /* 1: held, + 2 for each that waits; first come, first served */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool done;

static void latch_lock(void)
{
    unsigned seen = atomic_fetch_add(&latch, 2) + 2;
    for (;;) {
        if (!(seen & 1)) {
            if (atomic_compare_exchange_weak(&latch, &seen, seen - 1))
                return;
            continue;
        }
        syscall(SYS_futex, &latch, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        seen = atomic_load(&latch);
    }
}

static void latch_unlock(void)
{
    if (atomic_fetch_sub(&latch, 1) != 1)
        syscall(SYS_futex, &latch, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *go_round(void *unused)
{
    while (!done) {
        latch_lock();
        CHECK_EQ(pthread_mutex_lock(&mutex), 0);
        latch_unlock();
        CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    }
    return unused;
}

static void *work(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(pthread_mutex_lock(&mutex), 0);
        CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    }
    done = true;
    return unused;
}

int main(void)
{
    pthread_t crowd[CROWD], worker;
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(pthread_create(&crowd[i], NULL, go_round, NULL), 0);
    CHECK_EQ(pthread_create(&worker, NULL, work, NULL), 0);
    CHECK_EQ(pthread_join(worker, NULL), 0);
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(pthread_join(crowd[i], NULL), 0);
    printf("%d rounds among %d threads\n", ROUNDS, CROWD);
    return 0;
}
