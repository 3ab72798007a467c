/* A byte in a pipe as a lock, as libuv and make's job server use it: who takes and returns it in a
 * loop does not keep out those who wait for it, whatever the rhythm of their calls. */
#include "test.h"

#define GREEDY 10
#define MODEST 10
#define ROUNDS 100
#define CYCLES 5 /* of 2, 4, 6, 8 and 10 calls: none of them fits the threads' turns */

static int ends[2];
static int stop;

static void take(void)
{
    char byte;
    CHECK_EQ(read(ends[0], &byte, 1), 1);
}

static void give(void)
{
    CHECK_EQ(write(ends[1], "x", 1), 1);
}

static void *goes_on(void *arg)
{
    long cycle = (long)arg;
    int other[2];
    CHECK_EQ(pipe(other), 0);
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        take();
        for (long call = 0; call < cycle; call++) {
            char byte = 'y';
            CHECK_EQ(write(other[1], &byte, 1), 1);
            CHECK_EQ(read(other[0], &byte, 1), 1);
        }
        give();
    }
    close(other[0]);
    close(other[1]);
    return NULL;
}

static void *has_its_rounds(void *unused)
{
    for (int round = 0; round < ROUNDS; round++) {
        take();
        give();
    }
    return unused;
}

int main(void)
{
    for (long cycle = 0; cycle < CYCLES; cycle++) {
        pthread_t greedy[GREEDY], modest[MODEST];
        CHECK_EQ(pipe(ends), 0);
        __atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
        for (int i = 0; i < GREEDY; i++)
            greedy[i] = start(goes_on, (void *)cycle);
        for (int i = 0; i < MODEST; i++)
            modest[i] = start(has_its_rounds, NULL);
        give();
        for (int i = 0; i < MODEST; i++)
            join(modest[i]);
        __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
        for (int i = 0; i < GREEDY; i++)
            join(greedy[i]);
        close(ends[0]);
        close(ends[1]);
        printf("%ld: all %d had their turns\n", cycle, MODEST);
    }
    return 0;
}
