/* The life of descriptors: what we know of a number is forgotten when the program closes it or puts
 * another file there, and our own descriptors are out of its reach. */
#include "interpose/signal.h"

#include <asm/ioctls.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>

#define NONBLOCK 04000 /* O_NONBLOCK */

struct op_fd_hooks op_fd_hooks;

long op_close(int fd)
{
    if (fd_is_hidden(fd))
        return -EBADF;
    fd_closing(fd);
    return sys1(__NR_close, fd);
}

static void duplicated(int fd, long copy)
{
    if (copy < 0 || copy == fd)
        return;
    fd_shared(fd);
    struct fd_entry *entry = fd_entry((int)copy);
    if (entry && entry->owned) { /* the number's last close was not seen */
        fd_closing((int)copy);
    }
    const struct fd_entry *original = fd_entry_existing(fd);
    if (original && original->waits_for_disk && (entry || (entry = fd_entry((int)copy))))
        entry->waits_for_disk = true;
}

long op_dup(int fd)
{
    if (fd_is_hidden(fd))
        return -EBADF;
    long copy = sys1(__NR_dup, fd);
    duplicated(fd, copy);
    return copy;
}

static long dup_to(long nr, int fd, int target, int flags)
{
    if (fd_is_hidden(fd) || fd_is_hidden(target))
        return -EBADF;
    if (fd != target && target >= 0 && sys2(__NR_fcntl, fd, F_GETFD) >= 0)
        fd_closing(target);
    long result = sys3(nr, fd, target, flags);
    duplicated(fd, result);
    return result;
}

long op_dup2(int fd, int target)
{
    return dup_to(__NR_dup2, fd, target, 0);
}

long op_dup3(int fd, int target, int flags)
{
    return dup_to(__NR_dup3, fd, target, flags);
}

static void flags_set(int fd, unsigned long flags)
{
    struct fd_entry *entry = fd_entry_existing(fd);
    fd_set_nonblock(fd, flags & NONBLOCK);
    if (entry && flags & O_DIRECT)
        entry->waits_for_disk = true;
}

long op_fcntl(int fd, int command, unsigned long argument)
{
    if (fd_is_hidden(fd))
        return -EBADF;
    if (command == F_SETLKW || command == 38 /* F_OFD_SETLKW */)
        return op_offload(__NR_fcntl, fd, command, (long)argument, 0, 0, 0);
    long result = sigio_fcntl(fd, command, argument);
    if (command == F_SETFL && result == 0)
        flags_set(fd, argument);
    else if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        duplicated(fd, result);
    return result;
}

long op_ioctl(int fd, unsigned request, unsigned long argument)
{
    if (fd_is_hidden(fd))
        return -EBADF;
    if (op_ioctl_waits(request))
        return op_offload(__NR_ioctl, fd, request, (long)argument, 0, 0, 0);
    if (step_ioctl_arms(request))
        step_arm();
    if (request != FIONBIO)
        return OP_PASS;
    long result = sys3(__NR_ioctl, fd, request, argument);
    if (result == 0)
        fd_set_nonblock(fd, *(const int *)argument);
    return result;
}

/* Around our own descriptors. */
long op_close_range(unsigned first, unsigned last, unsigned flags)
{
    if (first > last)
        return -EINVAL;
    bool closes = !(flags & CLOSE_RANGE_CLOEXEC);
    unsigned top = last < FD_MAX ? last : FD_MAX - 1;
    long result = 0;
    for (unsigned fd = first; closes && fd <= top; fd++) {
        if (!fd_entry_existing((int)fd)) { /* a whole block that was never used */
            fd |= 1023;
            continue;
        }
        if (!fd_is_hidden((int)fd))
            fd_closing((int)fd);
    }
    unsigned from = first;
    for (unsigned fd = first; fd <= last && fd < 65536 && !result; fd++) {
        if (!fd_is_hidden((int)fd))
            continue;
        if (fd > from)
            result = sys3(__NR_close_range, from, fd - 1, flags);
        from = fd + 1;
    }
    if (from <= last && !result)
        result = sys3(__NR_close_range, from, last, flags);
    return result;
}

long op_pipe2(int *pair, int flags)
{
    long result = sys2(__NR_pipe2, pair, flags);
    for (int i = 0; result == 0 && i < 2; i++)
        fd_opened(pair[i], FD_PIPE, flags & NONBLOCK);
    if (result == 0)
        fd_paired(pair[0], pair[1]);
    return result;
}

long op_pipe(int *pair)
{
    return op_pipe2(pair, 0);
}

long op_eventfd2(unsigned value, int flags)
{
    long fd = sys2(__NR_eventfd2, value, flags);
    if (fd >= 0)
        fd_opened((int)fd, FD_OTHER, flags & NONBLOCK);
    return fd;
}

long op_timerfd_create(int clock, int flags)
{
    long fd = sys2(__NR_timerfd_create, clock, flags);
    if (fd >= 0)
        fd_opened((int)fd, FD_OTHER, flags & NONBLOCK);
    return fd;
}
