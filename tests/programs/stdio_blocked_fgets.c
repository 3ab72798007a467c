/* One thread is blocked in fgets on a pipe while the others compute, print and open files; it gets
 * each line as it comes. */
#include "test.h"

#define LINES 20

static FILE *input, *output;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t progressed = PTHREAD_COND_INITIALIZER;
static int received;

static void *reads_lines(void *arg)
{
    char line[100];
    while (fgets(line, sizeof(line), input)) {
        printf("got %s", line);
        pthread_mutex_lock(&lock);
        received++;
        pthread_cond_signal(&progressed);
        pthread_mutex_unlock(&lock);
    }
    CHECK(feof(input));
    return arg;
}

static void *works(void *arg)
{
    unsigned long sum = 0;
    for (int i = 0; i < 20; i++) {
        FILE *file = fopen("/proc/self/stat", "r");
        CHECK(file);
        CHECK(fgetc(file) != EOF);
        fclose(file);
        char *text = NULL;
        CHECK(asprintf(&text, "%d %s", i, "words") > 0);
        sum += strlen(text);
        free(text);
        usleep(200);
    }
    *(unsigned long *)arg = sum;
    return NULL;
}

int main(void)
{
    int ends[2];
    unsigned long sums[4];
    pthread_t reader, workers[COUNT(sums)];
    CHECK_EQ(pipe(ends), 0);
    input = fdopen(ends[0], "r");
    output = fdopen(ends[1], "w");
    CHECK(input && output);
    reader = start(reads_lines, NULL);
    for (int i = 0; i < COUNT(workers); i++)
        workers[i] = start(works, &sums[i]);
    for (int i = 0; i < COUNT(workers); i++)
        join(workers[i]);
    for (int i = 0; i < LINES; i++) {
        fprintf(output, "li");
        fflush(output);
        fprintf(output, "ne %d\n", i);
        fflush(output);
        /* The answer must come before the next question. */
        pthread_mutex_lock(&lock);
        while (received <= i)
            pthread_cond_wait(&progressed, &lock);
        pthread_mutex_unlock(&lock);
    }
    fclose(output);
    join(reader);
    for (int i = 0; i < COUNT(sums); i++)
        printf("worker %d: %lu\n", i, sums[i]);
    fclose(input);
    return 0;
}
