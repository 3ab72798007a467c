/* The lock of a stdio stream: it is recursive, others wait for it, what is written under it stays
 * together, and a try says when it is taken. */
#include "test.h"

#define WRITERS 4
#define LINES   200

static FILE *file;

static void *writes(void *arg)
{
    char letter = (char)('a' + (long)arg);
    for (int i = 0; i < LINES; i++) {
        flockfile(file);
        flockfile(file);
        for (int j = 0; j < 10; j++) {
            putc_unlocked(letter, file);
            if (j == 5 && i % 8 == 0)
                sched_yield();
        }
        funlockfile(file);
        fputc('\n', file);
        funlockfile(file);
    }
    return NULL;
}

static void *tries(void *arg)
{
    (void)arg;
    int failed = ftrylockfile(file);
    if (!failed)
        funlockfile(file);
    return (void *)(long)failed;
}

int main(void)
{
    pthread_t threads[WRITERS];
    char line[64];
    int counts[WRITERS] = { 0 };
    file = tmpfile();
    CHECK(file);
    CHECK_EQ(ftrylockfile(file), 0);
    CHECK((long)join(start(tries, NULL)) != 0);
    funlockfile(file);
    CHECK_EQ((long)join(start(tries, NULL)), 0);
    for (long i = 0; i < WRITERS; i++)
        threads[i] = start(writes, (void *)i);
    for (int i = 0; i < WRITERS; i++)
        join(threads[i]);
    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        CHECK_EQ(strlen(line), 11);
        for (int i = 1; i < 10; i++)
            CHECK_EQ(line[i], line[0]);
        counts[line[0] - 'a']++;
    }
    for (int i = 0; i < WRITERS; i++)
        printf("%c: %d lines\n", 'a' + i, counts[i]);
    fclose(file);
    return 0;
}
