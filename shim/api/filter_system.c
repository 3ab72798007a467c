/* The filters that stand on a descriptor of the kernel's: processes by pidfd, files by inotify, signals by
 * an eventfd that a handler writes. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/api/filter.h"
#include "shim/api/ready.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static void close_fd(struct filter_key *key)
{
    close(key->fd);
}

/* @kind: what observers are told; WAIT_NONE: the descriptor. */
static int wait_fd(const struct filter_key *key, uint64_t deadline_ns, enum wait_kind kind)
{
    short events;
    return api_ready(key->fd, false, deadline_ns, kind, &events);
}

/* Processes. */

static int proc_open(struct filter_key *key)
{
    if (key->fflags & ~(uint32_t)CORO_NOTE_EXIT)
        return EINVAL;
    if (!key->ident || key->ident > INT_MAX)
        return ESRCH;
    key->fd = (int)syscall(SYS_pidfd_open, (pid_t)key->ident, 0);
    return key->fd < 0 ? errno : 0;
}

static int64_t status_of(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED)
        return (int64_t)(info->si_status & 0xff) << 8;
    return info->si_status | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

static int proc_wait(struct filter_key *key, uint64_t deadline_ns, struct coro_happening *happening)
{
    siginfo_t info = { 0 };
    int error = wait_fd(key, deadline_ns, WAIT_CHILD);
    if (error)
        return error;
    happening->fflags = CORO_NOTE_EXIT;
    if (!waitid((idtype_t)P_PIDFD, (id_t)key->fd, &info, WEXITED | WNOHANG | WNOWAIT) &&
        info.si_pid)
        happening->data = status_of(&info);
    return 0;
}

const struct filter_ops filter_proc = { proc_open, proc_wait, close_fd };

/* Signals. A signal has one key at most, so there is one action to keep. The handler may run at any time,
 * also while the key is closed: it reads a number. */

static struct {
    int fd; /* 1 + the eventfd; 0: nobody waits */
    struct sigaction before;
} caught[NSIG];

static void note(int number, siginfo_t *info, void *context)
{
    const struct sigaction *before = &caught[number].before;
    int fd = __atomic_load_n(&caught[number].fd, __ATOMIC_ACQUIRE), error = errno;
    if (fd)
        (void)!write(fd - 1, &(uint64_t){ 1 }, sizeof(uint64_t));
    errno = error;
    if (before->sa_flags & SA_SIGINFO)
        before->sa_sigaction(number, info, context);
    else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN)
        before->sa_handler(number);
}

static bool has_handler(const struct sigaction *action)
{
    return action->sa_flags & SA_SIGINFO ||
           (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

static int signal_open(struct filter_key *key)
{
    int number = (int)key->ident;
    struct sigaction action = { .sa_flags = SA_RESTART };
    if (key->fflags || !key->ident || key->ident >= NSIG || sigaction(number, NULL, &action))
        return EINVAL;
    caught[number].before = action;
    if (!has_handler(&action)) {
        bool reaps = number == SIGCHLD && action.sa_handler == SIG_IGN;
        action = (struct sigaction){ .sa_flags = SA_RESTART | (reaps ? SA_NOCLDWAIT : 0) };
    }
    action.sa_flags = (action.sa_flags & ~SA_RESETHAND) | SA_SIGINFO;
    action.sa_sigaction = note;
    key->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (key->fd < 0)
        return errno;
    __atomic_store_n(&caught[number].fd, key->fd + 1, __ATOMIC_RELEASE);
    if (!sigaction(number, &action, NULL))
        return 0;
    int error = errno;
    __atomic_store_n(&caught[number].fd, 0, __ATOMIC_RELEASE);
    close(key->fd);
    return error;
}

static int signal_wait(struct filter_key *key, uint64_t deadline_ns,
                       struct coro_happening *happening)
{
    uint64_t count = 0;
    int error = wait_fd(key, deadline_ns, WAIT_SIGNAL);
    if (!error && read(key->fd, &count, sizeof(count)) < 0)
        error = errno;
    happening->data = (int64_t)count;
    return error;
}

/* An action that the program has set meanwhile stays. */
static void signal_close(struct filter_key *key)
{
    int number = (int)key->ident;
    struct sigaction now;
    if (!sigaction(number, NULL, &now) && now.sa_flags & SA_SIGINFO && now.sa_sigaction == note)
        sigaction(number, &caught[number].before, NULL);
    __atomic_store_n(&caught[number].fd, 0, __ATOMIC_RELEASE);
    close(key->fd);
}

const struct filter_ops filter_signal = { signal_open, signal_wait, signal_close };

/* Files. */

#define ALL_NOTES                                                                                  \
    (CORO_NOTE_DELETE | CORO_NOTE_WRITE | CORO_NOTE_EXTEND | CORO_NOTE_ATTRIB | CORO_NOTE_LINK |   \
     CORO_NOTE_RENAME)

static int vnode_open(struct filter_key *key)
{
    char path[sizeof("/proc/self/fd/") + 10];
    struct stat status;
    if (key->fflags & ~(uint32_t)ALL_NOTES)
        return EINVAL;
    if (key->ident > INT_MAX || fstat((int)key->ident, &status))
        return EBADF;
    key->watched = (int)key->ident;
    key->names = status.st_nlink;
    key->size = (uint64_t)status.st_size;
    key->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (key->fd < 0)
        return errno;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", key->watched);
    uint32_t events =
        IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
    if (inotify_add_watch(key->fd, path, events) >= 0)
        return 0;
    int error = errno;
    close(key->fd);
    return error;
}

/* inotify tells a change of the names as one of attributes. */
static uint32_t notes_of(struct filter_key *key, uint32_t events)
{
    uint32_t notes = events & IN_MOVE_SELF ? CORO_NOTE_RENAME : 0;
    struct stat status;
    if (events & ~(uint32_t)(IN_ATTRIB | IN_MOVE_SELF | IN_IGNORED))
        notes |= CORO_NOTE_WRITE;
    if (fstat(key->watched, &status))
        return notes;
    if ((uint64_t)status.st_size > key->size)
        notes |= CORO_NOTE_EXTEND;
    if (events & IN_ATTRIB && status.st_nlink != key->names)
        notes |= status.st_nlink ? CORO_NOTE_LINK : CORO_NOTE_LINK | CORO_NOTE_DELETE;
    else if (events & IN_ATTRIB)
        notes |= CORO_NOTE_ATTRIB;
    key->size = (uint64_t)status.st_size;
    key->names = status.st_nlink;
    return notes;
}

static int vnode_wait(struct filter_key *key, uint64_t deadline_ns,
                      struct coro_happening *happening)
{
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    uint32_t wanted = key->fflags ? key->fflags : ALL_NOTES;
    while (!happening->fflags) {
        int error = wait_fd(key, deadline_ns, WAIT_NONE);
        if (error)
            return error;
        uint32_t events = 0;
        ssize_t bytes = read(key->fd, buffer, sizeof(buffer));
        for (ssize_t at = 0; at < bytes;) {
            const struct inotify_event *event = (const void *)(buffer + at);
            events |= event->mask;
            at += (ssize_t)(sizeof(*event) + event->len);
        }
        happening->fflags = notes_of(key, events) & wanted;
    }
    return 0;
}

const struct filter_ops filter_vnode = { vnode_open, vnode_wait, close_fd };
