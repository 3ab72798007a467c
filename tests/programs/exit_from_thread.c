/* A thread calls exit with others parked: handlers run in reverse in that thread, streams are
 * flushed, and the status is its own. */
#include "parked.h"

static pthread_t caller;

static void first_handler(void)
{
    CHECK(pthread_equal(pthread_self(), caller));
    usleep(1000);
    puts("first handler, last to run");
}

static void second_handler(int status, void *arg)
{
    printf("second handler: status %d, %s\n", status, (char *)arg);
}

static void *exits(void *arg)
{
    caller = pthread_self();
    printf("a line without a newline, then ");
    exit((int)(long)arg);
}

int main(void)
{
    CHECK_EQ(atexit(first_handler), 0);
    CHECK_EQ(on_exit(second_handler, "registered second"), 0);
    park_threads(14);
    start(exits, (void *)42L);
    for (;;)
        pause();
}
