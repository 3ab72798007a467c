/* A bad access in a thread ends the process by SIGSEGV. */
#include "parked.h"

static void *crashes(void *arg)
{
    volatile int *volatile nowhere = NULL;
    *nowhere = 1;
    return arg;
}

int main(void)
{
    park_threads(14);
    puts("before");
    fflush(stdout);
    join(start(crashes, NULL));
    return 0;
}
