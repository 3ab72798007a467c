/* Lines that many threads print to one stream stay whole, in each thread's order; flockfile groups
 * several calls. */
#include "test.h"

#include <sched.h>

#define THREADS 12
#define LINES   200

static FILE *file;

static void *prints(void *arg)
{
    long id = (long)arg;
    for (int i = 0; i < LINES; i++) {
        fprintf(file, "thread %ld line %d %s\n", id, i, "a text long enough to notice a tear");
        if (i % 20 == 0)
            fflush(file);
        flockfile(file);
        fprintf(file, "thread %ld ", id);
        sched_yield();
        fputs("pair ", file);
        putc_unlocked('0' + i % 10, file);
        putc_unlocked('\n', file);
        funlockfile(file);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int lines[THREADS] = { 0 }, pairs[THREADS] = { 0 };
    char line[200], digit;
    long id;
    int number, length;
    file = tmpfile();
    CHECK(file);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(prints, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        length = 0;
        if (sscanf(line, "thread %ld line %d a text long enough to notice a tear%n", &id, &number,
                   &length) == 2 &&
            length > 0 && line[length] == '\n') {
            CHECK_EQ(number, lines[id]++);
        } else {
            CHECK_EQ(sscanf(line, "thread %ld pair %c\n", &id, &digit), 2);
            CHECK_EQ(digit - '0', pairs[id]++ % 10);
        }
    }
    for (int i = 0; i < THREADS; i++)
        printf("thread %d: %d lines, %d pairs\n", i, lines[i], pairs[i]);
    fclose(file);
    return 0;
}
