/* A thread calls _exit: no handler runs and no stream is flushed. */
#include "parked.h"

static void is_not_run(void)
{
    dprintf(1, "an exit handler ran\n");
}

static void *exits_at_once(void *arg)
{
    printf("never seen");
    _exit((int)(long)arg);
}

int main(void)
{
    atexit(is_not_run);
    park_threads(14);
    puts("seen");
    fflush(stdout);
    start(exits_at_once, (void *)5L);
    for (;;)
        pause();
}
