/* Calls that take the id of a process take that of any of its threads, too. What a thread has for
 * itself alone, its I/O priority, is told apart; what only a process's own id will do is refused. */
#include "gates.h"

#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define ONE_THREAD  1 /* IOPRIO_WHO_PROCESS */
#define OF_THREAD   0200
#define BEST_EFFORT 2
#define NOBODY      0x3ffffffe
#define LOW         ((BEST_EFFORT << 13) | 7)
#define HIGH        ((BEST_EFFORT << 13) | 1)

static void says(const char *what, long result)
{
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done");
}

static void process_wide(void)
{
    struct rlimit limit, same;
    pid_t id = gettid();
    CHECK(id != getpid());
    CHECK_EQ(getpgid(id), getpgrp());
    CHECK_EQ(getsid(id), getsid(0));
    CHECK_EQ(prlimit(id, RLIMIT_NOFILE, NULL, &limit), 0);
    CHECK_EQ(syscall(SYS_prlimit64, id, RLIMIT_NOFILE, &limit, &same), 0);
    CHECK_EQ(limit.rlim_cur, same.rlim_cur);
    CHECK_EQ(syscall(SYS_kcmp, id, getpid(), KCMP_VM, 0, 0), 0);
    CHECK_EQ(syscall(SYS_kcmp, getpid(), id, KCMP_FILES, 0, 0), 0);
    FAILS(EINVAL, SYS_prlimit64, id, 999, NULL, NULL);
    FAILS(ESRCH, SYS_kcmp, id, NOBODY, KCMP_VM, 0, 0);
    says("move_pages", syscall(SYS_move_pages, id, 0, NULL, NULL, NULL, 0));
    says("migrate_pages", syscall(SYS_migrate_pages, id, 0, NULL, NULL));
}

static void of_nobody(void)
{
    FAILS(ESRCH, SYS_getpgid, NOBODY);
    FAILS(ESRCH, SYS_getsid, NOBODY);
    FAILS(ESRCH, SYS_prlimit64, NOBODY, RLIMIT_NOFILE, NULL, NULL);
    FAILS(ESRCH, SYS_ioprio_get, ONE_THREAD, NOBODY);
    FAILS(ESRCH, SYS_ioprio_set, ONE_THREAD, NOBODY, LOW);
}

static void memory(void)
{
    char from[] = "some text", to[sizeof(from)] = "";
    struct iovec here = { to, sizeof(to) }, there = { from, sizeof(from) };
    struct iovec nowhere = { NOWHERE, 1 };
    CHECK_EQ(process_vm_readv(gettid(), &here, 1, &there, 1, 0), sizeof(from));
    CHECK_EQ(strcmp(from, to), 0);
    memset(to, 0, sizeof(to));
    CHECK_EQ(process_vm_writev(gettid(), &there, 1, &here, 1, 0), sizeof(from));
    CHECK_EQ(strcmp(from, to), 0);
    FAILS(EFAULT, SYS_process_vm_readv, gettid(), &here, 1, &nowhere, 1, 0);
}

static void queued(void)
{
    siginfo_t info = { .si_code = SI_QUEUE };
    sigset_t set;
    info.si_value.sival_int = 5;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(syscall(SYS_rt_sigqueueinfo, gettid(), 0, &info), 0);
    CHECK_EQ(syscall(SYS_rt_sigqueueinfo, gettid(), SIGUSR1, &info), 0);
    info.si_code = SI_USER; /* as if another process had sent it */
    FAILS(EPERM, SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info);
    FAILS(EFAULT, SYS_rt_sigqueueinfo, gettid(), SIGUSR1, NOWHERE);
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_value.sival_int, 5);
    CHECK_EQ(info.si_code, SI_QUEUE);
}

static void descriptors(void)
{
    says("pidfd_open", syscall(SYS_pidfd_open, gettid(), 0));
    long fd = syscall(SYS_pidfd_open, gettid(), OF_THREAD);
    says("pidfd_open of a thread", fd);
    if (fd >= 0) {
        CHECK_EQ(pidfd_send_signal((int)fd, 0, NULL, 0), 0);
        CHECK_EQ(close((int)fd), 0);
    }
    FAILS(EINVAL, SYS_pidfd_open, gettid(), 1);
}

static void capabilities(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, gettid() };
    struct __user_cap_data_struct mine[2], whole[2];
    CHECK_EQ(syscall(SYS_capget, &header, mine), 0);
    header.pid = 0;
    CHECK_EQ(syscall(SYS_capget, &header, whole), 0);
    CHECK_EQ(memcmp(mine, whole, sizeof(mine)), 0);
    header = (struct __user_cap_header_struct){ 1, gettid() };
    FAILS(EINVAL, SYS_capget, &header, mine);
    CHECK_EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
    FAILS(EFAULT, SYS_capget, NOWHERE, mine);
}

static void *inherits(void *unused)
{
    CHECK_EQ(syscall(SYS_ioprio_get, ONE_THREAD, 0), LOW);
    CHECK_EQ(syscall(SYS_ioprio_set, ONE_THREAD, 0, HIGH), 0);
    CHECK_EQ(syscall(SYS_ioprio_get, ONE_THREAD, gettid()), HIGH);
    return unused;
}

static void io_priority(void)
{
    int status;
    long first = syscall(SYS_ioprio_get, ONE_THREAD, getpid());
    CHECK(first >= 0 && first != LOW);
    CHECK_EQ(syscall(SYS_ioprio_set, ONE_THREAD, gettid(), LOW), 0);
    CHECK_EQ(syscall(SYS_ioprio_get, ONE_THREAD, gettid()), LOW);
    join(start(inherits, NULL));
    CHECK_EQ(syscall(SYS_ioprio_get, ONE_THREAD, 0), LOW);
    CHECK_EQ(syscall(SYS_ioprio_get, ONE_THREAD, getpid()), first);
    FAILS(EINVAL, SYS_ioprio_set, ONE_THREAD, gettid(), 4 << 13);
    FAILS(EINVAL, SYS_ioprio_get, 99, gettid());
    CHECK_EQ(syscall(SYS_ioprio_get, ONE_THREAD, 0), LOW);
    pid_t child = fork();
    if (child == 0)
        _exit(syscall(SYS_ioprio_get, ONE_THREAD, 0) == LOW ? 0 : 1);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

int main(void)
{
    static const struct gate_test tests[] = {
        { "process", process_wide },
        { "nobody", of_nobody },
        { "memory", memory },
        { "queued", queued },
        { "descriptors", descriptors },
        { "capabilities", capabilities },
        { "I/O priority", io_priority },
    };
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    run_gates(tests, COUNT(tests));
    return 0;
}
