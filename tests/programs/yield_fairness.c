/* Threads that wait for their turn by sched_yield all get it, in order. */
#include "test.h"

#include <sched.h>

#define THREADS 5
#define ROUNDS  100

static int turn;
static char order[THREADS * ROUNDS + 1];

static void *takes_turns(void *arg)
{
    int id = (int)(long)arg;
    for (int round = 0; round < ROUNDS; round++) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) % THREADS != id)
            CHECK_EQ(sched_yield(), 0);
        order[turn] = (char)('a' + id);
        __atomic_add_fetch(&turn, 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(takes_turns, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    puts(order);
    return 0;
}
