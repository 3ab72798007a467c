/* fmemopen, open_memstream, getline, getdelim and scanf on streams of many threads. */
#include "test.h"

#define THREADS 8

static void *uses_streams(void *arg)
{
    char *written = NULL, *line = NULL;
    size_t size = 0, room = 0;
    long sum = 0, number;
    FILE *out = open_memstream(&written, &size);
    CHECK(out);
    for (int i = 0; i < 100; i++) {
        fprintf(out, "%ld line %d\n", (long)arg, i);
        if (i % 25 == 0)
            usleep(100);
    }
    CHECK_EQ(fclose(out), 0);
    FILE *in = fmemopen(written, size, "r");
    CHECK(in);
    for (int i = 0; i < 50; i++) {
        CHECK(getline(&line, &room, in) > 0);
        CHECK_EQ(sscanf(line, "%*d line %ld", &number), 1);
        sum += number;
    }
    CHECK_EQ(getdelim(&line, &room, 'e', in), snprintf(NULL, 0, "%ld line", (long)arg));
    CHECK_EQ(fscanf(in, "%ld", &number), 1);
    CHECK_EQ(number, 50);
    fclose(in);
    free(written);
    free(line);
    return (void *)sum;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(uses_streams, (void *)i);
    for (int i = 0; i < THREADS; i++)
        printf("thread %d: %ld\n", i, (long)join(threads[i]));
    return 0;
}
