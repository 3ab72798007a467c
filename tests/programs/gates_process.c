/* Processes by system call: fork, execve and execveat, and waiting for children. vfork can't be
 * called through a function that returns: libc's own stands for it. */
#include "gates.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static pid_t paused_child(void)
{
    pid_t child = (pid_t)syscall(SYS_fork);
    CHECK(child >= 0);
    if (child == 0)
        for (;;)
            syscall(SYS_pause);
    return child;
}

static void end(long child)
{
    CHECK_EQ(kill((pid_t)child, SIGTERM), 0);
}

static void *adds(void *arg)
{
    return (void *)((long)arg + 1);
}

/* The child is alone, and may have threads again. */
static void forks(void)
{
    int status;
    pid_t child = (pid_t)syscall(SYS_fork);
    CHECK(child >= 0);
    if (child == 0)
        _exit((int)(long)join(start(adds, (void *)30L)));
    CHECK_EQ(syscall(SYS_wait4, child, &status, 0, NULL), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 31);
}

static void vforks(void)
{
    int status;
    pid_t child = vfork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(32);
    CHECK_EQ(syscall(SYS_wait4, child, &status, 0, NULL), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 32);
}

static void waits4(void)
{
    int status;
    struct rusage usage;
    pid_t child = paused_child();
    CHECK_EQ(syscall(SYS_wait4, child, &status, WNOHANG, NULL), 0);
    WAITS_FOR(end, child, child, syscall(SYS_wait4, child, &status, 0, &usage));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    child = paused_child();
    WAITS_FOR(end, child, child, syscall(SYS_wait4, -1, NULL, 0, NULL));
    child = paused_child();
    CHECK_EQ(kill(child, SIGSTOP), 0);
    CHECK_EQ(syscall(SYS_wait4, child, &status, WUNTRACED, NULL), child);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(syscall(SYS_wait4, child, &status, 0, NULL), child);
    FAILS(ECHILD, SYS_wait4, child, &status, 0, NULL);
    FAILS(ECHILD, SYS_wait4, -1, &status, 0, NULL);
    FAILS(EINVAL, SYS_wait4, -1, &status, 0x10000, NULL);
    child = paused_child();
    end(child);
    FAILS(EFAULT, SYS_wait4, child, NOWHERE, 0, NULL);
}

static void waits_id(void)
{
    siginfo_t info = { 0 };
    struct rusage usage;
    pid_t child = paused_child();
    CHECK_EQ(syscall(SYS_waitid, P_PID, child, &info, WEXITED | WNOHANG, NULL), 0);
    CHECK_EQ(info.si_pid, 0);
    WAITS_FOR(end, child, 0, syscall(SYS_waitid, P_PID, child, &info, WEXITED, &usage));
    CHECK(info.si_pid == child && info.si_status == SIGTERM);
    child = paused_child();
    WAITS_FOR(end, child, 0, syscall(SYS_waitid, P_ALL, 0, NULL, WEXITED, NULL));
    FAILS(ECHILD, SYS_waitid, P_PID, child, &info, WEXITED, NULL);
    FAILS(EINVAL, SYS_waitid, P_PID, child, &info, 0, NULL);
    FAILS(EINVAL, SYS_waitid, 77, child, &info, WEXITED, NULL);
    child = paused_child();
    end(child);
    FAILS(EFAULT, SYS_waitid, P_PID, child, NOWHERE, WEXITED, NULL);
}

static char *const arguments[] = { "gates_process", "33", NULL };
extern char **environ;

/* In a child, from a thread that is not its first; failures first, which leave all as it was. */
static void *execs(void *arg)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    FAILS(ENOENT, SYS_execve, "./no-such-file", arguments, environ);
    FAILS(EFAULT, SYS_execve, NOWHERE, arguments, environ);
    FAILS(ENOENT, SYS_execveat, AT_FDCWD, "./no-such-file", arguments, environ, 0);
    FAILS(EBADF, SYS_execveat, -1, "", arguments, environ, AT_EMPTY_PATH);
    CHECK_EQ((long)join(start(adds, (void *)1L)), 2);
    if (!arg)
        syscall(SYS_execve, "/proc/self/exe", arguments, environ);
    else
        syscall(SYS_execveat, fd, "", arguments, environ, AT_EMPTY_PATH);
    _exit(98);
}

static void exec_both(void)
{
    for (long at = 0; at < 2; at++) {
        int status;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            join(start(execs, (void *)at));
            _exit(97);
        }
        CHECK_EQ(syscall(SYS_wait4, child, &status, 0, NULL), child);
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 33);
    }
}

int main(int argc, char **argv)
{
    const struct gate_test tests[] = {
        { "fork", forks },
        { "vfork", vforks },
        { "wait4", waits4 },
        { "waitid", waits_id },
        { "execve, execveat", exec_both },
    };
    if (argc > 1)
        return atoi(argv[1]);
    run_gates(tests, COUNT(tests));
    return 0;
}
