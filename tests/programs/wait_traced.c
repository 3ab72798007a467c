/* Threads wait for children that ask to be traced: each stop is reported, although no WUNTRACED was
 * asked for; and then the end. */
#include "test.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define ROUNDS 3

static void stops_when_traced(void)
{
    usleep(2000);
    CHECK_EQ(ptrace(PTRACE_TRACEME, 0, NULL, NULL), 0);
    for (int i = 0; i < ROUNDS; i++)
        raise(SIGUSR1); /* the tracer swallows it */
    _exit(4);
}

static void *traces(void *arg)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        stops_when_traced();
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK(WIFSTOPPED(status));
        CHECK_EQ(WSTOPSIG(status), SIGUSR1);
        CHECK_EQ(ptrace(PTRACE_CONT, child, NULL, NULL), 0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 4);
    return arg;
}

int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(traces, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("stopped and ended, all");
    return 0;
}
