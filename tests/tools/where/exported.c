/* Functions of a library and of a program without debug information; see build variants in where_gdb. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

int ends[2];

static __attribute__((noinline)) long local_wait(long add)
{
    char byte;
    return read(ends[0], &byte, 1) + add;
}

__attribute__((noinline)) long exported_wait(long add)
{
    return local_wait(add) + 1;
}

__attribute__((noinline)) int compare(const void *a, const void *b)
{
    return (int)exported_wait(*(const int *)a - *(const int *)b);
}

void *sorts(void *argument)
{
    int numbers[] = { 3, 1, 2 };
    qsort(numbers, 3, sizeof(*numbers), compare);
    return argument;
}

void *waits(void *argument)
{
    return argument + exported_wait(1);
}

int main(void)
{
    pthread_t thread;

    pipe(ends);
    pthread_create(&thread, NULL, waits, NULL);
    pthread_create(&thread, NULL, sorts, NULL);
    pthread_join(thread, NULL);
    return 0;
}
