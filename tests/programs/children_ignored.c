/* With SIGCHLD ignored, or SA_NOCLDWAIT, children leave no zombies: wait returns when the last has
 * ended, with ECHILD; also when a thread has once blocked SIGCHLD. */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>

static void does_nothing(int signal)
{
    (void)signal;
}

static void *waits(void *arg)
{
    CHECK_EQ(wait(NULL), -1);
    CHECK_EQ(errno, ECHILD);
    return arg;
}

static void *blocks_for_a_moment(void *arg)
{
    sigset_t one, old;
    sigemptyset(&one);
    sigaddset(&one, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &one, &old);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return arg;
}

static void child_that_exits(long after_ms)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        sleep_ms(after_ms);
        _exit(1);
    }
}

static void waits_for_all(const char *what)
{
    child_that_exits(20);
    child_that_exits(10);
    pthread_t waiting = start(waits, NULL);
    waits(NULL);
    join(waiting);
    puts(what);
}

int main(void)
{
    join(start(blocks_for_a_moment, NULL));
    CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    waits_for_all("ignored");
    struct sigaction handled = { .sa_handler = does_nothing,
                                 .sa_flags = SA_NOCLDWAIT | SA_RESTART };
    CHECK_EQ(sigaction(SIGCHLD, &handled, NULL), 0);
    waits_for_all("handled, no wait");
    return 0;
}
