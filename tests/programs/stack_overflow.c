/* A thread that overflows its stack hits the guard and ends the process by SIGSEGV, without harm to
 * the neighbours before. */
#include "parked.h"

static volatile int endless = 1;

static int descend(volatile char *above)
{
    volatile char frame[1024];
    if (!endless)
        return 0;
    frame[0] = (char)(above[0] + 1);
    return descend(frame) + frame[0];
}

static void *overflows(void *arg)
{
    volatile char top = 0;
    return (void *)((long)arg + descend(&top));
}

int main(void)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 256 << 10), 0);
    park_threads(5);
    puts("before");
    fflush(stdout);
    join(start_with(&attr, overflows, NULL));
    return 0;
}
