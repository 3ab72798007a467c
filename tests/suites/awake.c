/* Preloaded beside the shim: one thread that sleeps for ever, so that a program has two threads,
 * and the shim is at work, from its first line on. With IN_CHILDREN those that it forks have one, too.
 * It takes no signal. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static void *sleep_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return NULL;
}

__attribute__((constructor)) static void start(void)
{
    sigset_t all, old;
    pthread_t thread;
#ifdef IN_CHILDREN
    static int watching;
    if (!watching++)
        pthread_atfork(NULL, NULL, start);
#endif
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}
