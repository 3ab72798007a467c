/* A broadcast wakes all waiters, a signal at least one; a queue of items passes through a bounded
 * buffer with several producers and consumers without loss. */
#include "test.h"

#define WAITERS 50
#define ROUNDS  20

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_cond_t all_waiting = PTHREAD_COND_INITIALIZER;
static int waiting, generation;

static void *waits_each_round(void *arg)
{
    pthread_mutex_lock(&lock);
    for (int round = 0; round < ROUNDS; round++) {
        int seen = generation;
        if (++waiting == WAITERS)
            pthread_cond_signal(&all_waiting);
        while (generation == seen)
            pthread_cond_wait(&changed, &lock);
        CHECK_EQ(generation, seen + 1);
    }
    pthread_mutex_unlock(&lock);
    return arg;
}

static void broadcast(void)
{
    pthread_t threads[WAITERS];
    for (int i = 0; i < WAITERS; i++)
        threads[i] = start(waits_each_round, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_mutex_lock(&lock);
        while (waiting < WAITERS)
            pthread_cond_wait(&all_waiting, &lock);
        waiting = 0;
        generation++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    for (int i = 0; i < WAITERS; i++)
        join(threads[i]);
    printf("rounds: %d\n", generation);
}

#define ITEMS 3000
#define SIDES 5

static int buffer[8], filled, produced;
static long taken_sum, taken_count;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;

static void *produces(void *arg)
{
    pthread_mutex_lock(&lock);
    while (produced < ITEMS) {
        int item = ++produced;
        while (filled == COUNT(buffer))
            pthread_cond_wait(&not_full, &lock);
        buffer[filled++] = item;
        pthread_cond_signal(&not_empty);
    }
    pthread_mutex_unlock(&lock);
    return arg;
}

static void *consumes(void *arg)
{
    pthread_mutex_lock(&lock);
    while (taken_count < ITEMS) {
        while (filled == 0 && taken_count < ITEMS)
            pthread_cond_wait(&not_empty, &lock);
        if (taken_count == ITEMS)
            break;
        taken_sum += buffer[--filled];
        if (++taken_count == ITEMS)
            pthread_cond_broadcast(&not_empty);
        pthread_cond_signal(&not_full);
    }
    pthread_mutex_unlock(&lock);
    return arg;
}

int main(void)
{
    pthread_t threads[2 * SIDES];
    broadcast();
    for (int i = 0; i < SIDES; i++) {
        threads[i] = start(consumes, NULL);
        threads[SIDES + i] = start(produces, NULL);
    }
    for (int i = 0; i < 2 * SIDES; i++)
        join(threads[i]);
    printf("taken %ld, sum %ld\n", taken_count, taken_sum);
    return 0;
}
