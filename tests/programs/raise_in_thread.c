/* raise with the default action in a thread ends the process by that signal. */
#include "parked.h"

#include <signal.h>

static void *raises(void *arg)
{
    raise((int)(long)arg);
    return NULL;
}

int main(void)
{
    park_threads(14);
    puts("before");
    fflush(stdout);
    join(start(raises, (void *)(long)SIGUSR2));
    return 0;
}
