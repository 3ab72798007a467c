/* Nested limits, cleanup on the way out, and calls that fail instead of being left. */
#include <coro.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void tidy(void *what)
{
    printf("tidies up %s\n", (const char *)what);
}

static int inner(void)
{
    pthread_cleanup_push(tidy, "inside");
    sleep(10);
    pthread_cleanup_pop(0);
    return 0;
}

static int outer(void)
{
    int error = coro_with_timeout(5, NULL, inner, "i()");
    printf("never printed: %d\n", error); /* the time of the call around this one is over */
    return 0;
}

static long reads(int fd)
{
    char byte;
    return read(fd, &byte, 1);
}

int main(void)
{
    int pair[2];
    long result;

    if (coro_with_timeout(0.02, NULL, outer, "i()"))
        printf("outer: %s\n", strerror(errno));

    if (pipe(pair) == 0 && coro_with_deadline(0.02, &result, reads, "l(i)", pair[0]))
        printf("read: %ld, %s\n", result, strerror(errno));
    return 0;
}
