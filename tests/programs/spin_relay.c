/* Threads that hand a turn around by spinning on a word, as Redis's I/O threads and barriers of
 * parallel libraries do: each burns its time slice unless it is taken for what it is. Others that
 * compute, and one that sleeps, go on beside them. */
#include "test.h"

#include <stdatomic.h>

#define RUNNERS 4
#define ROUNDS  40

static atomic_int turn, finished;

static void *runs(void *arg)
{
    int me = (int)(intptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        while (atomic_load(&turn) != i * RUNNERS + me)
            ;
        atomic_fetch_add(&turn, 1);
    }
    atomic_fetch_add(&finished, 1);
    return NULL;
}

static void *computes(void *arg)
{
    uint64_t *sum = arg;
    for (uint64_t i = 1; i <= 20000000; i++)
        *(volatile uint64_t *)sum += i * i;
    return NULL;
}

static void *sleeps(void *arg)
{
    while (atomic_load(&finished) < RUNNERS)
        sleep_ms(1);
    return arg;
}

int main(void)
{
    pthread_t threads[RUNNERS], sleeper = start(sleeps, NULL);
    uint64_t sum = 0;
    pthread_t other = start(computes, &sum);
    for (int i = 0; i < RUNNERS; i++)
        threads[i] = start(runs, (void *)(intptr_t)i);
    for (int i = 0; i < RUNNERS; i++)
        join(threads[i]);
    join(other);
    join(sleeper);
    printf("turn %d, sum %llu\n", turn, (unsigned long long)sum);
    return 0;
}
