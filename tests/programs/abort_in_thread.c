/* abort in a thread ends the process by SIGABRT, after its handler, also if it is blocked. */
#include "parked.h"

#include <signal.h>

static void notes(int number)
{
    dprintf(1, "handler for %s\n", sigabbrev_np(number));
}

static void *aborts(void *arg)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    abort();
    return arg;
}

int main(void)
{
    signal(SIGABRT, notes);
    park_threads(14);
    puts("before");
    fflush(stdout);
    join(start(aborts, NULL));
    return 0;
}
