/* A thread finds itself under /proc by its id. */
#include "test.h"

#include <fcntl.h>

#define THREADS 6

static void read_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    CHECK(file);
    CHECK(fgets(text, (int)size, file));
    text[strcspn(text, "\n")] = '\0';
    fclose(file);
}

static void *finds_itself(void *arg)
{
    char path[64], name[32], text[64];
    snprintf(name, sizeof(name), "proc-%ld", (long)arg);
    CHECK_EQ(pthread_setname_np(pthread_self(), name), 0);
    usleep(500);
    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int)gettid());
    read_line(path, text, sizeof(text));
    CHECK(strcmp(text, name) == 0);
    snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)getpid(), (int)gettid());
    read_line(path, text, sizeof(text));
    CHECK(strcmp(text, name) == 0);
    read_line("/proc/thread-self/comm", text, sizeof(text));
    CHECK(strcmp(text, name) == 0);
    CHECK_EQ(access("/proc/self/task/999999999/comm", R_OK), -1);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(finds_itself, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    puts("found, all");
    return 0;
}
