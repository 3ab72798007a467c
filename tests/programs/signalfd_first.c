/* A signalfd that is older than the first thread: what all threads block is read from it, also by a
 * child that makes threads in turn, and by a copy of it. */
#include "test.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

static int stop[2];

static void *waits(void *arg)
{
    char byte;
    CHECK_EQ(read(stop[0], &byte, 1), 1);
    return arg;
}

static void take(int fd, int wanted)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    struct signalfd_siginfo info;
    CHECK_EQ(poll(&ready, 1, 10000), 1);
    CHECK_EQ(read(fd, &info, sizeof(info)), (ssize_t)sizeof(info));
    CHECK_EQ(info.ssi_signo, (unsigned)wanted);
}

static void use(int fd, const char *who)
{
    pthread_t threads[3];
    CHECK_EQ(pipe(stop), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, waits, NULL), 0);
    take(fd, SIGUSR1);
    for (int round = 0; round < 3; round++) {
        CHECK_EQ(kill(getpid(), SIGTERM), 0);
        take(fd, SIGTERM);
    }
    for (int i = 0; i < 3; i++)
        CHECK_EQ(write(stop[1], "x", 1), 1);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    printf("%s: all signals came\n", who);
    fflush(stdout);
}

int main(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    CHECK(fd >= 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK_EQ(kill(getpid(), SIGUSR1), 0);
        use(dup(fd), "child");
        return 3;
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(WEXITSTATUS(status), 3);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0); /* waits in the kernel while the threads come */
    use(fd, "parent");
    return 0;
}
