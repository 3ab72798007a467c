/* A program that starts with signals blocked, and is sent some before and after it makes its first
 * thread, ignores them in time: none may act. */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>

static void *returns(void *arg)
{
    return arg;
}

static void *stays(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static int second_stage(const sigset_t *blocked, const char *before_us, const char *after_us)
{
    usleep((useconds_t)atoi(before_us));
    start(stays, NULL);
    usleep((useconds_t)atoi(after_us));
    join(start(returns, NULL));
    CHECK(signal(SIGINT, SIG_IGN) != SIG_ERR);
    CHECK(signal(SIGTERM, SIG_IGN) != SIG_ERR);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, blocked, NULL), 0);
    usleep(1000);
    return 7;
}

static void start_and_signal(const sigset_t *blocked, char *name, char *before_us, char *after_us)
{
    int status;
    char *arguments[] = { name, before_us, after_us, NULL };
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, blocked, NULL), 0);
    pid_t child = fork();
    if (child == 0) {
        execv("/proc/self/exe", arguments);
        _exit(99);
    }
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, blocked, NULL), 0);
    usleep(3000);
    CHECK_EQ(kill(child, SIGTERM), 0);
    CHECK_EQ(kill(child, SIGINT), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 7);
}

int main(int count, char **arguments)
{
    char *times[][2] = { { "0", "0" }, { "0", "20000" }, { "20000", "0" }, { "5000", "5000" } };
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    if (count == 3)
        return second_stage(&blocked, arguments[1], arguments[2]);
    start(stays, NULL);
    for (int i = 0; i < COUNT(times); i++)
        start_and_signal(&blocked, arguments[0], times[i][0], times[i][1]);
    puts("ignored in time");
    return 0;
}
