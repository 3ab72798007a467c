/* Credentials and their like by system call, and signals to a process by any of its threads' ids. */
#include "gates.h"

#include <signal.h>
#include <sys/wait.h>

#define NOBODY 65534
#define KEEP   (-1)

static void same_again(void)
{
    uid_t user = getuid();
    gid_t group = getgid();
    CHECK_EQ(syscall(SYS_setuid, user), 0);
    CHECK_EQ(syscall(SYS_setgid, group), 0);
    CHECK_EQ(syscall(SYS_setreuid, KEEP, user), 0);
    CHECK_EQ(syscall(SYS_setregid, group, KEEP), 0);
    CHECK_EQ(syscall(SYS_setresuid, KEEP, user, KEEP), 0);
    CHECK_EQ(syscall(SYS_setresgid, KEEP, KEEP, group), 0);
    CHECK_EQ(syscall(SYS_setfsuid, user), user);
    CHECK_EQ(syscall(SYS_setfsgid, group), group);
    CHECK_EQ(syscall(SYS_unshare, 0), 0);
}

static void wrong(void)
{
    FAILS(EINVAL, SYS_setuid, -1);
    FAILS(EINVAL, SYS_setgid, -1);
    FAILS(EFAULT, SYS_capset, NULL, NULL);
    FAILS(EBADF, SYS_setns, -1, 0);
    FAILS(EINVAL, SYS_seccomp, 99, 0, NULL);
    FAILS(EINVAL, SYS_unshare, 1);
    CHECK_EQ(syscall(SYS_kill, getpid(), 0), 0);
    FAILS(EINVAL, SYS_kill, getpid(), 99);
    FAILS(ESRCH, SYS_kill, 0x3ffffffe, 0);
}

static void *kills_itself(void *arg)
{
    CHECK_EQ(kill(gettid(), 0), 0);
    CHECK_EQ(syscall(SYS_kill, gettid(), SIGTERM), 0);
    pause();
    return arg;
}

static void by_thread_id(void)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        join(start(kills_itself, NULL));
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGTERM);
}

static void dropped(void)
{
    uint32_t groups[1] = { NOBODY };
    if (syscall(SYS_setgroups, 1, groups) != 0) {
        CHECK_EQ(errno, EPERM);
        return;
    }
    CHECK_EQ(syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY), 0);
    CHECK_EQ(syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY), 0);
    FAILS(EPERM, SYS_setgroups, 1, groups);
    FAILS(EPERM, SYS_setuid, 0);
    FAILS(EPERM, SYS_setreuid, 0, 0);
    CHECK_EQ(getuid(), NOBODY);
}

int main(void)
{
    static const struct gate_test tests[] = {
        { "same again", same_again },
        { "wrong", wrong },
        { "by thread id", by_thread_id },
        { "dropped", dropped },
    };
    run_gates(tests, COUNT(tests));
    return 0;
}
