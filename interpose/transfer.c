/* Calls that move data from one descriptor to another, in the kernel.
 *
 * They wait on either end, and none of them can be told not to for one call alone, sockets and
 * files included. So: where both ends are pipes or files, a try that doesn't wait; and whatever
 * has to wait runs on a helper. */
#include "interpose/op.h"

#define SPLICE_NONBLOCK 2 /* SPLICE_F_NONBLOCK */

static bool is_file(int fd)
{
    struct fd_entry *entry = fd_entry(fd);
    return entry && fd_kind(entry, fd) == FD_FILE;
}

/* @fd's own flag says that no call on it waits; or it is none of ours, and no descriptor. */
static bool never_waits(int fd)
{
    struct fd_entry *entry = fd_entry(fd);
    return !entry || fd_private(fd) || !fd_blocks(entry, fd);
}

/* Between pipes, one that doesn't block is enough for the kernel not to wait on either. */
static bool must_wait(int in, int out, unsigned flags)
{
    return !(flags & SPLICE_NONBLOCK) && !never_waits(in) && !never_waits(out);
}

static bool obeys_the_flag(int fd)
{
    struct fd_entry *entry = fd_entry(fd);
    enum fd_kind kind = entry ? fd_kind(entry, fd) : FD_UNKNOWN;
    return kind == FD_PIPE || kind == FD_FILE;
}

/* Whoever waits at the other end of @fd, in this process, need not be told by a poll. */
static long moved(long result, int in, int out)
{
    struct fd_entry *from = fd_entry(in), *to = fd_entry(out);
    if (result > 0 && from && from->peer)
        fd_transferred(from, false);
    if (result > 0 && to && to->peer)
        fd_transferred(to, true);
    return result;
}

/* Into a pipe or socket without reader the call raises SIGPIPE, but a helper blocks all signals. */
static long raise_for(long result)
{
    if (result == -EPIPE) {
        siginfo_t info = { .si_signo = SIGPIPE, .si_code = SI_USER };
        info.si_pid = runtime.pid;
        info.si_uid = (unsigned)sys0(__NR_getuid);
        signal_send(this_co(), SIGPIPE, &info);
    }
    return result;
}

#define by_helper(nr, ...) raise_for(op_offload(nr, __VA_ARGS__))

long op_sendfile(int out, int in, long *offset, size_t bytes)
{
    if (is_file(out) || never_waits(out))
        return moved(sys4(__NR_sendfile, out, in, offset, bytes), in, out);
    return moved(by_helper(__NR_sendfile, out, in, (long)offset, (long)bytes), in, out);
}

long op_splice(int in, long *in_offset, int out, long *out_offset, size_t bytes, unsigned flags)
{
    if (!obeys_the_flag(in) || !obeys_the_flag(out)) {
        if (never_waits(in) && never_waits(out))
            return sys6(__NR_splice, in, in_offset, out, out_offset, bytes, flags);
        return by_helper(__NR_splice, in, (long)in_offset, out, (long)out_offset, (long)bytes,
                         flags);
    }
    long result = sys6(__NR_splice, in, in_offset, out, out_offset, bytes, flags | SPLICE_NONBLOCK);
    if (result == -EAGAIN && must_wait(in, out, flags))
        result =
            by_helper(__NR_splice, in, (long)in_offset, out, (long)out_offset, (long)bytes, flags);
    return moved(result, in, out);
}

long op_tee(int in, int out, size_t bytes, unsigned flags)
{
    long result = sys4(__NR_tee, in, out, bytes, flags | SPLICE_NONBLOCK);
    if (result == -EAGAIN && must_wait(in, out, flags))
        result = by_helper(__NR_tee, in, out, (long)bytes, flags);
    return moved(result, in, out);
}

long op_vmsplice(int fd, const struct iovec *parts, size_t count, unsigned flags)
{
    long result = sys4(__NR_vmsplice, fd, parts, count, flags | SPLICE_NONBLOCK);
    if (result == -EAGAIN && must_wait(fd, fd, flags))
        result = by_helper(__NR_vmsplice, fd, (long)parts, (long)count, flags);
    return moved(result, fd, fd);
}

/* Between files only; the copy may take its time. */
long op_copy_file_range(int in, long *in_offset, int out, long *out_offset, size_t bytes,
                        unsigned flags)
{
    return op_offload_finite(__NR_copy_file_range, in, (long)in_offset, out, (long)out_offset,
                             (long)bytes, flags);
}
