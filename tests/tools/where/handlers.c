/* Threads that wait in handlers of signals: sent, raised, on another stack, after a fault, and one
 * handler within another. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int ends[2];
static volatile int spins = 1;

static void wait_long(void)
{
    char byte;
    read(ends[0], &byte, 1);
}

static void outer(int signal)
{
    (void)signal;
    wait_long();
}

static void nested(int signal)
{
    (void)signal;
    raise(SIGUSR1);
}

static void *waits(void *argument)
{
    char byte;
    read(ends[0], &byte, 1);
    return argument;
}

static void *raises(void *argument)
{
    raise(SIGUSR1);
    return argument;
}

static void *raises_twice(void *argument)
{
    raise(SIGUSR2);
    return argument;
}

static void *on_another_stack(void *argument)
{
    stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
    sigaltstack(&stack, NULL);
    raise(SIGRTMIN);
    return argument;
}

static void *computes(void *argument)
{
    while (spins)
        ;
    return argument;
}

static void *faults(void *argument)
{
    *(volatile int *)argument = 1;
    return argument;
}

int main(void)
{
    struct sigaction action = { .sa_handler = outer };
    pthread_t waiting, computing, thread;

    pipe(ends);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGRTMIN, &action, NULL);
    action = (struct sigaction){ .sa_handler = nested };
    sigaction(SIGUSR2, &action, NULL);
    pthread_create(&waiting, NULL, waits, NULL);
    pthread_create(&computing, NULL, computes, NULL);
    pthread_create(&thread, NULL, raises, NULL);
    pthread_create(&thread, NULL, raises_twice, NULL);
    pthread_create(&thread, NULL, on_another_stack, NULL);
    pthread_create(&thread, NULL, faults, (void *)8);
    usleep(200000);
    pthread_kill(waiting, SIGUSR1);
    pthread_kill(computing, SIGUSR1);
    pthread_join(thread, NULL);
    return 0;
}
