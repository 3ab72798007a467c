/* Blocking writes far larger than a pipe's capacity return complete, in both directions at once,
 * whatever sizes the other side reads. */
#include "net.h"

#define TOTAL (3u << 20)
#define PAIRS 4

struct lane {
    int ends[2];
    unsigned seed;
    size_t step;
};

static void *writes(void *arg)
{
    struct lane *lane = arg;
    unsigned char *data = malloc(TOTAL);
    CHECK(data);
    fill_pattern(lane->seed, data, TOTAL);
    CHECK_EQ(write(lane->ends[1], data, TOTAL), TOTAL);
    close(lane->ends[1]);
    free(data);
    return NULL;
}

static void *reads(void *arg)
{
    struct lane *lane = arg;
    unsigned char data[70000];
    size_t total = 0;
    for (;;) {
        ssize_t got = read(lane->ends[0], data, lane->step);
        CHECK(got >= 0);
        if (got == 0)
            break;
        check_pattern(lane->seed, data, (size_t)got, total);
        total += (size_t)got;
    }
    close(lane->ends[0]);
    return (void *)total;
}

int main(void)
{
    static const size_t steps[PAIRS] = { 1000, 4096, 65536, 70000 };
    struct lane lanes[PAIRS];
    pthread_t readers[PAIRS], writers[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        CHECK_EQ(pipe(lanes[i].ends), 0);
        lanes[i].seed = 77u * (unsigned)i;
        lanes[i].step = steps[i];
        writers[i] = start(writes, &lanes[i]);
    }
    for (int i = 0; i < PAIRS; i++)
        readers[i] = start(reads, &lanes[i]);
    for (int i = 0; i < PAIRS; i++) {
        join(writers[i]);
        printf("lane %d: %lu bytes\n", i, (unsigned long)join(readers[i]));
    }
    return 0;
}
