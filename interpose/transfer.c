/* Calls that move data from one descriptor to another, in the kernel.
 *
 * They wait on either end, and none of them can be told not to for one call alone, sockets and
 * files included. So: where both ends are pipes or files, a try that doesn't wait; and whatever
 * has to wait runs on a helper.
 *
 * But a splice waits for a socket with the pipe locked, and who then uses that pipe waits where nothing
 * interrupts it. So between a pipe and a stream socket the wait comes first, and each call moves no
 * more than there is room for. */
#include "interpose/wait_loop.h"

#include <asm/socket.h>

#define SPLICE_NONBLOCK 2 /* SPLICE_F_NONBLOCK */
#define PIPE_ATOM       4096UL
#define STREAM          1 /* SOCK_STREAM */

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
    if (result == -EPIPE)
        signal_raise(SIGPIPE);
    return result;
}

#define by_helper(nr, ...) raise_for(op_offload(nr, __VA_ARGS__))

long op_sendfile(int out, int in, long *offset, size_t bytes)
{
    if (is_file(out) || never_waits(out))
        return moved(sys4(__NR_sendfile, out, in, offset, bytes), in, out);
    return moved(by_helper(__NR_sendfile, out, in, (long)offset, (long)bytes), in, out);
}

static long option_of(int fd, int option)
{
    int value = 0;
    uint32_t size = sizeof(value);
    long error = sys5(__NR_getsockopt, fd, SOL_SOCKET, option, &value, &size);
    return error ? error : value;
}

static bool is_stream_socket(int fd)
{
    struct fd_entry *entry = fd_entry(fd);
    enum fd_kind kind = entry ? fd_kind(entry, fd) : FD_UNKNOWN;
    return kind == FD_TCP || (kind == FD_SOCKET && option_of(fd, SO_TYPE) == STREAM);
}

static bool is_pipe(int fd)
{
    struct fd_entry *entry = fd_entry(fd);
    return entry && fd_kind(entry, fd) == FD_PIPE;
}

static bool is_ready(int fd, short events)
{
    struct pollfd one = { .fd = fd, .events = events };
    return poll_now(&one, 1) > 0;
}

static long try_ready(struct attempt *attempt)
{
    return is_ready(attempt->fd, attempt->for_write ? POLLOUT : POLLIN) ? 1 : -EAGAIN;
}

/* 1 or an error. PARKS. */
static long wait_ready(int fd, bool for_write)
{
    struct attempt attempt = {
        .fd = fd, .entry = fd_entry(fd), .for_write = for_write, .try = try_ready
    };
    return attempt_run(&attempt);
}

/* A socket is writable while a third of its buffer is free at least. PARKS. */
static long splice_to_socket(int in, long *in_offset, int out, long *out_offset, size_t bytes,
                             unsigned flags)
{
    bool in_waits = !(flags & SPLICE_NONBLOCK) && fd_blocks(fd_entry(in), in);
    bool out_waits = fd_blocks(fd_entry(out), out);
    size_t most = PIPE_ATOM, total = 0;
    long result = option_of(out, SO_SNDBUF);
    if (result / 4 > (long)most)
        most = (size_t)result / 4;
    do {
        size_t left = bytes - total;
        if (out_waits && (result = wait_ready(out, true)) < 0)
            break;
        result = sys6(__NR_splice, in, in_offset, out, out_offset, left < most ? left : most,
                      flags | SPLICE_NONBLOCK);
        if (result > 0)
            total += (size_t)result;
        else if (result == -EAGAIN && !total && in_waits && (out_waits || !is_ready(in, POLLIN)))
            result = wait_ready(in, false);
    } while (result > 0 && total < bytes);
    if (!total)
        return result;
    this_co()->wait_until = 0; /* what moved is the result: nothing is restarted */
    return (long)total;
}

/* Returns what there is. PARKS. */
static long splice_from_socket(int in, long *in_offset, int out, long *out_offset, size_t bytes,
                               unsigned flags)
{
    for (;;) {
        long result = flags & SPLICE_NONBLOCK ? 1 : wait_ready(in, false);
        if (result < 0)
            return result;
        result = sys6(__NR_splice, in, in_offset, out, out_offset, bytes, flags | SPLICE_NONBLOCK);
        if (result != -EAGAIN || !must_wait(in, out, flags))
            return result;
        result = wait_ready(out, true);
        if (result < 0)
            return result;
    }
}

long op_splice(int in, long *in_offset, int out, long *out_offset, size_t bytes, unsigned flags)
{
    if (!obeys_the_flag(in) || !obeys_the_flag(out)) {
        if (never_waits(in) && never_waits(out))
            return sys6(__NR_splice, in, in_offset, out, out_offset, bytes, flags);
        if (bytes && is_pipe(in) && is_stream_socket(out))
            return moved(splice_to_socket(in, in_offset, out, out_offset, bytes, flags), in, out);
        if (bytes && is_pipe(out) && is_stream_socket(in))
            return moved(splice_from_socket(in, in_offset, out, out_offset, bytes, flags), in, out);
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
