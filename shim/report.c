/* Starting coroctl from within any process, at any time, without the process knowing of a child.
 *
 * Who executes a program becomes a child whose end is signalled and whom wait finds, so two processes
 * are made. The keeper, the monitor's child, shares our memory, executes nothing and has no exit signal:
 * the program's waits for any child don't see it. It makes the second, which executes coroctl, waits for it, and
 * ends with its status. Nothing is copied: a large program pays no more than a small one. Both run on
 * stacks of their own, make system calls alone, and have all signals blocked.
 *
 * coroctl speaks to us over a socketpair, so that there need be no control socket, and writes to what
 * the log writes to. Its environment is empty but for the character set. */
#include "shim/report.h"

#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>

#include "runtime/kthread.h"
#include "runtime/report.h"
#include "shim/control.h"
#include "shim/log.h"

#define FAMILY_UNIX 1
#define TYPE_STREAM 1
#define STACK_BYTES 16384
#define PATH_BYTES  256
#define CHANNEL     3 /* coroctl's end of the socketpair: cmd-report.c */
#define NO_PROGRAM  127

static const char *const kinds[REPORTS] = { "crash", "deadlock", "standstill", "dump", "stall" };

static struct {
    char folder[PATH_BYTES]; /* of the library, with its '/' */
    int fd_floor;
} place;

/* All that the two processes need; one report at a time. */
static struct {
    int channel, log;
    char id[24], pid[24];
    _Alignas(16) unsigned char keeper_stack[STACK_BYTES], stack[STACK_BYTES];
    char *argv[7];
} child;

void report_prepare(const char *library, int fd_floor)
{
    size_t length = strlen(library);
    while (length && library[length - 1] != '/')
        length--;
    place.folder[0] = '\0';
    if (length < sizeof(place.folder))
        text_copy(place.folder, library, length + 1);
    place.fd_floor = fd_floor;
}

static void execute(void *unused)
{
    static const char *const from[] = { "%scoroctl", "%s../bin/coroctl", "/usr/local/bin/coroctl",
                                        "/usr/bin/coroctl" };
    static const char *const environment[] = { "LC_ALL=C.UTF-8", NULL };
    char path[PATH_BYTES + 32];
    (void)unused;
    sys2(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL); /* with its keeper */
    for (size_t i = place.folder[0] == '/' ? 0 : 2; i < ARRAY_SIZE(from); i++) {
        format_text(path, sizeof(path), from[i], place.folder);
        sys3(__NR_execve, path, child.argv, environment);
    }
    sys1(__NR_exit_group, NO_PROGRAM);
}

/* The descriptors are a copy of the monitor's. */
static void keep(void *unused)
{
    uintptr_t sp = kthread_stack((uintptr_t)child.stack + STACK_BYTES, execute, NULL);
    int status = 0;
    (void)unused;
    sys3(__NR_dup3, child.log, 1, 0);
    sys3(__NR_dup3, child.log, 2, 0);
    sys3(__NR_dup3, child.channel, CHANNEL, 0);
    sys1(__NR_close, 0);
    sys3(__NR_close_range, CHANNEL + 1, UINT32_MAX, 0);
    sys4(__NR_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
    long pid =
        kthread_clone(__NR_clone, (const long[5]){ CLONE_VM | CLONE_VFORK | SIGCHLD, (long)sp });
    if (pid < 0 || sys4(__NR_wait4, pid, &status, 0, NULL) != pid)
        status = NO_PROGRAM << 8;
    sys1(__NR_exit_group, status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
}

static long make_keeper(void)
{
    uintptr_t sp = kthread_stack((uintptr_t)child.keeper_stack + STACK_BYTES, keep, NULL);
    return kthread_clone(__NR_clone, (const long[5]){ CLONE_VM, (long)sp });
}

/* Beyond the descriptors that are put in place, and the program's if the table is shared. */
static int move_up(int fd)
{
    long high = sys3(__NR_fcntl, fd, F_DUPFD_CLOEXEC, place.fd_floor);
    sys1(__NR_close, fd);
    return (int)high;
}

static long start_with(int ours)
{
    long pid = child.log < 0 ? child.log : child.channel < 0 ? child.channel : 0;
    if (!pid && ours >= 0)
        pid = make_keeper();
    if (pid > 0)
        control_adopt(ours);
    else if (ours >= 0)
        sys1(__NR_close, ours);
    return pid;
}

long report_start(uint32_t kind, uint64_t id)
{
    int ends[2];
    if (!log_takes(LOG_WARN))
        return -ECANCELED;
    if (sys1(__NR_prctl, PR_GET_SECCOMP) > 0) /* a filter may end the program for it */
        return -EPERM;
    long error = sys4(__NR_socketpair, FAMILY_UNIX, TYPE_STREAM | O_CLOEXEC, 0, ends);
    if (error)
        return error;
    format_text(child.id, sizeof(child.id), "%lu", id);
    format_text(child.pid, sizeof(child.pid), "%ld", sys0(__NR_getpid));
    int ours = move_up(ends[0]);
    child.channel = move_up(ends[1]);
    bool stamped;
    child.log = log_open(&stamped);
    char *argv[] = { "coroctl", "report", (char *)kinds[kind],
                     child.pid, child.id, stamped ? "stamped" : NULL,
                     NULL };
    memcpy(child.argv, argv, sizeof(argv));
    if (child.log >= 0)
        child.log = move_up(child.log);
    long pid = start_with(ours);
    if (child.log >= 0)
        sys1(__NR_close, child.log);
    if (child.channel >= 0)
        sys1(__NR_close, child.channel);
    return pid;
}
