/* Alternate signal stacks belong to threads: handlers run on their own thread's, and a thread that
 * overflowed its stack is rescued by siglongjmp from there. Bad accesses hit their own thread. */
#include "test.h"

#include <setjmp.h>
#include <signal.h>

#define THREADS 6
#define SIZE    (64 << 10)

static __thread char *my_stack;
static __thread sigjmp_buf rescue;
static __thread int rescues;
static volatile int endless = 1;

static void on_fault(int number, siginfo_t *info, void *context)
{
    char local;
    CHECK_EQ(number, SIGSEGV);
    CHECK(info->si_addr != NULL || rescues % 2 == 0);
    CHECK(context != NULL);
    CHECK(&local >= my_stack && &local < my_stack + SIZE);
    rescues++;
    siglongjmp(rescue, 1);
}

static int descend(volatile char *above)
{
    volatile char frame[1024];
    if (!endless)
        return 0;
    frame[0] = (char)(above[0] + 1);
    return descend(frame) + frame[0];
}

static void touch_nothing(void)
{
    volatile int *volatile nowhere = NULL;
    *nowhere = 1;
}

static void *faults(void *arg)
{
    volatile char top = 0;
    stack_t stack = { .ss_sp = malloc(SIZE), .ss_size = SIZE }, old;
    CHECK_EQ(sigaltstack(NULL, &old), 0);
    CHECK(old.ss_flags & SS_DISABLE);
    my_stack = stack.ss_sp;
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
    for (int i = 0; i < 6; i++) {
        if (sigsetjmp(rescue, 1) == 0) {
            usleep(200);
            if (i % 2)
                descend(&top);
            else
                touch_nothing();
            CHECK(!"no fault");
        }
    }
    CHECK_EQ(sigaltstack(NULL, &old), 0);
    CHECK(old.ss_sp == my_stack && old.ss_flags == 0);
    stack.ss_flags = SS_DISABLE;
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
    free(my_stack);
    *(int *)arg = rescues;
    return NULL;
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    pthread_t threads[THREADS];
    pthread_attr_t attr;
    int counts[THREADS];
    CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 256 << 10), 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_with(&attr, faults, &counts[i]);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int i = 0; i < THREADS; i++)
        printf("thread %d: rescued %d times\n", i, counts[i]);
    return 0;
}
