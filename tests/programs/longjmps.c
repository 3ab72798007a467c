/* setjmp and longjmp in threads, across frames that blocked, and with signal masks. */
#include "test.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>

#define THREADS 8
#define JUMPS   50

static __thread jmp_buf back;
static __thread sigjmp_buf signal_back;
static volatile int far = 1;

static __attribute__((noinline)) void descend(int depth, int value)
{
    volatile char frame[200];
    frame[depth] = 1;
    sched_yield();
    if (depth == 0) {
        if (far)
            longjmp(back, value);
        return;
    }
    descend(depth - 1, value);
    CHECK_EQ(frame[depth], 1);
}

static void *jumps(void *arg)
{
    volatile int count = 0;
    int value = setjmp(back);
    CHECK_EQ(value, count);
    if (count < JUMPS) {
        count++;
        if (count % 10 == 0)
            usleep(100);
        descend(20, count);
    }

    sigset_t mask, with;
    sigemptyset(&with);
    sigaddset(&with, SIGUSR1);
    if (sigsetjmp(signal_back, 1) == 0) {
        pthread_sigmask(SIG_BLOCK, &with, NULL);
        usleep(100);
        siglongjmp(signal_back, 1);
    }
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    CHECK_EQ(sigismember(&mask, SIGUSR1), 0);
    *(int *)arg = count;
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int counts[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(jumps, &counts[i]);
    for (int i = 0; i < THREADS; i++) {
        join(threads[i]);
        printf("thread %d jumped %d times\n", i, counts[i]);
    }
    return 0;
}
