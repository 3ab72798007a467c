/* Signal masks belong to threads and are inherited by created ones; blocked signals are pending for
 * their thread, or for the process. */
#include "test.h"

#include <signal.h>

static pthread_barrier_t barrier;

static void print_mask(const char *who)
{
    sigset_t mask;
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    printf("%s:", who);
    for (int number = 1; number < 32; number++)
        if (sigismember(&mask, number) == 1)
            printf(" %s", sigabbrev_np(number));
    puts("");
}

static void block(int how, int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    CHECK_EQ(pthread_sigmask(how, &set, NULL), 0);
}

static int is_pending(int number)
{
    sigset_t set;
    CHECK_EQ(sigpending(&set), 0);
    return sigismember(&set, number);
}

static void *grandchild(void *arg)
{
    print_mask(arg);
    return NULL;
}

static void *child(void *arg)
{
    print_mask(arg);
    block(SIG_UNBLOCK, SIGUSR1);
    block(SIG_BLOCK, SIGHUP);
    print_mask("child changed");
    join(start(grandchild, "grandchild"));
    return NULL;
}

static void *own_pending(void *arg)
{
    block(SIG_BLOCK, SIGUSR2);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    CHECK_EQ(is_pending(SIGUSR2), arg != NULL);
    CHECK_EQ(is_pending(SIGTERM), 1);
    int number;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    if (arg) {
        CHECK_EQ(sigwait(&set, &number), 0);
        CHECK_EQ(number, SIGUSR2);
    }
    CHECK_EQ(is_pending(SIGUSR2), 0);
    return NULL;
}

int main(void)
{
    sigset_t set;
    int number;
    block(SIG_BLOCK, SIGUSR1);
    block(SIG_BLOCK, SIGTERM);
    block(SIG_BLOCK, SIGKILL);
    print_mask("main");
    join(start(child, "child"));
    print_mask("main still");

    pthread_barrier_init(&barrier, NULL, 3);
    pthread_t hit = start(own_pending, "hit"), spared = start(own_pending, NULL);
    pthread_barrier_wait(&barrier);
    CHECK_EQ(pthread_kill(hit, SIGUSR2), 0);
    CHECK_EQ(kill(getpid(), SIGTERM), 0);
    CHECK_EQ(is_pending(SIGUSR2), 0);
    CHECK_EQ(is_pending(SIGTERM), 1);
    pthread_barrier_wait(&barrier);
    join(hit);
    join(spared);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    CHECK_EQ(sigwait(&set, &number), 0);
    CHECK_EQ(is_pending(SIGTERM), 0);
    puts("pending for the thread and for the process");
    CHECK_EQ(pthread_kill(pthread_self(), 0), 0);
    CHECK_EQ(pthread_kill(pthread_self(), 1000), EINVAL);
    return 0;
}
