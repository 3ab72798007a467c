/* Barriers: nobody passes early, exactly one thread of a round is the serial one. */
#include "test.h"

#define THREADS 24
#define ROUNDS  100

static pthread_barrier_t barrier;
static int arrived[ROUNDS], serial[ROUNDS];

static void *worker(void *arg)
{
    for (int round = 0; round < ROUNDS; round++) {
        __atomic_add_fetch(&arrived[round], 1, __ATOMIC_SEQ_CST);
        int result = pthread_barrier_wait(&barrier);
        CHECK_EQ(__atomic_load_n(&arrived[round], __ATOMIC_SEQ_CST), THREADS);
        if (result == PTHREAD_BARRIER_SERIAL_THREAD)
            __atomic_add_fetch(&serial[round], 1, __ATOMIC_SEQ_CST);
        else
            CHECK_EQ(result, 0);
    }
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, 0), EINVAL);
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(worker, NULL);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int round = 0; round < ROUNDS; round++)
        CHECK_EQ(serial[round], 1);
    CHECK_EQ(pthread_barrier_destroy(&barrier), 0);
    printf("%d rounds of %d threads\n", ROUNDS, THREADS);
    return 0;
}
