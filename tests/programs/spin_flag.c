/* Threads that busy-wait for another thread's store, without any call, see it. */
#include "test.h"

static int flag, stage[4];

static void *spins(void *arg)
{
    long id = (long)arg;
    while (!__atomic_load_n(&flag, __ATOMIC_ACQUIRE))
        continue;
    /* Then one after another, each spinning on its predecessor. */
    while (id > 0 && !__atomic_load_n(&stage[id - 1], __ATOMIC_ACQUIRE))
        continue;
    printf("thread %ld is through\n", id);
    __atomic_store_n(&stage[id], 1, __ATOMIC_RELEASE);
    return NULL;
}

static void *sets(void *arg)
{
    __atomic_store_n(&flag, 1, __ATOMIC_RELEASE);
    return arg;
}

int main(void)
{
    pthread_t threads[4];
    for (long i = 3; i >= 0; i--)
        threads[i] = start(spins, (void *)i);
    pthread_t setter = start(sets, NULL);
    while (!__atomic_load_n(&stage[3], __ATOMIC_ACQUIRE))
        continue;
    join(setter);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    return 0;
}
