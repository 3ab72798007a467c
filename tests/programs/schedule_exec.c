/* A new program is scheduled as the thread was that made its process or executes it, not as other threads. */
#include "test.h"

#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NICE 7

extern char **environ;

static int tell(const char *how)
{
    cpu_set_t set;
    CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
    printf("%s: nice %d, policy %d, %d processor\n", how, getpriority(PRIO_PROCESS, 0),
           sched_getscheduler(0), CPU_COUNT(&set));
    return 0;
}

static void bind_to_first(void)
{
    cpu_set_t set;
    int first = 0;
    CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
    while (!CPU_ISSET(first, &set))
        first++;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
}

static void be_special(void)
{
    const struct sched_param none = { 0 };
    CHECK_EQ(setpriority(PRIO_PROCESS, 0, NICE), 0);
    CHECK_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    bind_to_first();
}

static void await(pid_t pid)
{
    int status;
    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

static void *spawns(void *unused)
{
    pid_t pid;
    char *arguments[] = { "self", "spawned", NULL };
    be_special();
    fflush(stdout);
    CHECK_EQ(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
    await(pid);
    pid = vfork();
    if (pid == 0) {
        execl("/proc/self/exe", "self", "after vfork", (char *)NULL);
        _exit(1);
    }
    await(pid);
    pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "self", "after fork", (char *)NULL);
        _exit(1);
    }
    await(pid);
    tell("the thread");
    return unused;
}

static void *executes(void *unused)
{
    be_special();
    CHECK_EQ(execl("/no/such/program", "none", (char *)NULL), -1);
    tell("after an exec that failed");
    fflush(stdout);
    execl("/proc/self/exe", "self", "executed", (char *)NULL);
    return unused;
}

static void *resets(void *unused)
{
    const struct sched_param none = { 0 };
    be_special();
    CHECK_EQ(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &none), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "self", "reset on fork", (char *)NULL);
        _exit(1);
    }
    await(pid);
    return unused;
}

int main(int count, char **arguments)
{
    if (count == 2)
        return tell(arguments[1]);
    join(start(spawns, NULL));
    join(start(resets, NULL));
    tell("main");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        join(start(executes, NULL));
    await(pid);
    return 0;
}
