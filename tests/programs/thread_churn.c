/* 50,000 threads come and go, a few at a time, some with stacks of odd sizes: nothing is
 * used up. */
#include "test.h"

#define ROUNDS    6250
#define AT_A_TIME 8

static long total;

static void *worker(void *arg)
{
    volatile char local[512];
    local[0] = local[511] = 1;
    __atomic_add_fetch(&total, (long)arg + local[511] - local[0], __ATOMIC_SEQ_CST);
    return arg;
}

int main(void)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[AT_A_TIME];
        size_t size = 65536 + 4096 * (size_t)(round % 7);
        CHECK_EQ(pthread_attr_setstacksize(&attr, size), 0);
        for (long i = 0; i < AT_A_TIME; i++)
            threads[i] = start_with(i == 0 ? &attr : NULL, worker, (void *)(i + 1));
        for (long i = 0; i < AT_A_TIME; i++)
            CHECK_EQ((long)join(threads[i]), i + 1);
    }
    printf("%d threads, total %ld\n", ROUNDS * AT_A_TIME, total);
    return 0;
}
