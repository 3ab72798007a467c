/* A thread that computes without a call does not keep others from their I/O, timers and locks. */
#include "test.h"

static int stop;

static void *computes(void *arg)
{
    unsigned long value = 1, rounds = 0;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        value = value * 6364136223846793005ul + 1442695040888963407ul;
        rounds++;
    }
    *(unsigned long *)arg = value | 1;
    return (void *)rounds;
}

static void *answers(void *arg)
{
    int *ends = arg;
    char byte;
    while (read(ends[0], &byte, 1) == 1) {
        byte++;
        CHECK_EQ(write(ends[3], &byte, 1), 1);
    }
    close(ends[3]);
    return NULL;
}

int main(void)
{
    int ends[4];
    unsigned long values[2];
    pthread_t computing[2];
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(ends + 2), 0);
    for (int i = 0; i < 2; i++)
        computing[i] = start(computes, &values[i]);
    pthread_t answering = start(answers, ends);
    for (int i = 0; i < 26; i++) {
        char byte = (char)('a' + i);
        CHECK_EQ(write(ends[1], &byte, 1), 1);
        CHECK_EQ(read(ends[2], &byte, 1), 1);
        CHECK_EQ(byte, 'b' + i);
        if (i % 5 == 0)
            usleep(1000);
    }
    close(ends[1]);
    join(answering);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) {
        join(computing[i]);
        CHECK(values[i] != 0);
    }
    puts("26 answers beside two computing threads");
    return 0;
}
