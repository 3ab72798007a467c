/* read, write and their kin.
 *
 * Sockets: recv and send with MSG_DONTWAIT, so no flag of the open file is touched. Pipes and other
 * files that wait for readiness: RWF_NOWAIT where the file knows it, otherwise poll first, then a
 * call that can't block for long, because only this thread reads in this process; a write to what is
 * neither pipe nor terminal and not ready is a helper's. Files and memory
 * devices never wait: the plain call; but a file opened to go around the page cache, or to be on disk
 * after each write, is a helper's. */
#include "interpose/signal.h"
#include "interpose/terminal.h"
#include "interpose/wait_loop.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/fs.h>
#include <linux/signalfd.h>
#include <linux/socket.h>

#define DONTWAIT  0x40 /* MSG_DONTWAIT */
#define PIPE_ATOM 4096UL
#define PARTS_MAX 1024 /* IOV_MAX */

static bool ready_now(int fd, short events)
{
    struct pollfd one = { .fd = fd, .events = events };
    long n = poll_now(&one, 1);
    return n > 0;
}

/* 0: go on. */
static long take_turn(const struct attempt *attempt)
{
    return unlikely(attempt->entry->kind == FD_TERMINAL)
               ? terminal_turn(attempt->fd, attempt->for_write)
               : 0;
}

static long try_recv(struct attempt *attempt)
{
    struct fd_entry *entry = attempt->entry;
    uint16_t events = entry->events;
    long result = sys6(__NR_recvfrom, attempt->fd, attempt->buffer, attempt->bytes, DONTWAIT, 0, 0);
    fd_was_read(entry, events, result, attempt->bytes);
    return result;
}

static long try_send(struct attempt *attempt)
{
    return sys6(__NR_sendto, attempt->fd, attempt->buffer, attempt->bytes, DONTWAIT, 0, 0);
}

/* True: *result is the answer, of a transfer with RWF_NOWAIT or of a terminal that is not ours now. False: the
 * file doesn't know that flag, which is kept in mind, and only its readiness tells. */
static bool is_settled(struct attempt *attempt, const struct iovec *parts, long count, long *result)
{
    bool *unknown = &attempt->entry->no_nowait[attempt->for_write];
    if (!*unknown) {
        *result = sys6(attempt->for_write ? __NR_pwritev2 : __NR_preadv2, attempt->fd, parts, count,
                       -1L, -1L, RWF_NOWAIT);
        if (*result != -EOPNOTSUPP && *result != -ENOSYS && *result != -ESPIPE)
            return true;
        *unknown = true;
    }
    *result = take_turn(attempt);
    return *result != 0;
}

static long read_ready(struct attempt *attempt)
{
    struct iovec part = { .iov_base = attempt->buffer, .iov_len = attempt->bytes };
    long result;
    if (is_settled(attempt, &part, 1, &result))
        return result;
    if (!ready_now(attempt->fd, POLLIN))
        return -EAGAIN;
    return sys3(__NR_read, attempt->fd, attempt->buffer, attempt->bytes);
}

/* A signalfd is read from our own lists first. */
static long try_read(struct attempt *attempt)
{
    if (likely(!signal_unread(this_co()) || attempt->entry->kind != FD_OTHER))
        return read_ready(attempt);
    long own = signal_read_unread(this_co(), attempt->fd, attempt->buffer, attempt->bytes);
    if (own < 0 || (own && attempt->bytes - (size_t)own < sizeof(struct signalfd_siginfo)))
        return own;
    struct attempt rest = *attempt;
    rest.buffer = (char *)attempt->buffer + own;
    rest.bytes -= (size_t)own;
    long more = read_ready(&rest);
    return own && more < 0 ? own : own + more;
}

/* A file that isn't writable now, or takes writes without ever saying so, as fanotify's group does for
 * answers: only the call itself tells. */
static long write_unready(const struct attempt *attempt, long nr, const void *what, size_t count)
{
    if (attempt->entry->kind != FD_OTHER)
        return -EAGAIN;
    if (!fd_blocks(attempt->entry, attempt->fd))
        return sys3(nr, attempt->fd, what, count);
    return op_offload(nr, attempt->fd, (long)what, (long)count);
}

static long try_write(struct attempt *attempt)
{
    struct iovec part = { .iov_base = attempt->buffer, .iov_len = attempt->bytes };
    long result;
    if (is_settled(attempt, &part, 1, &result))
        return result;
    if (!ready_now(attempt->fd, POLLOUT))
        return write_unready(attempt, __NR_write, attempt->buffer, attempt->bytes);
    /* Writable means room for this much at least, in one piece. */
    size_t bytes =
        attempt->entry->kind == FD_PIPE && attempt->bytes > PIPE_ATOM ? PIPE_ATOM : attempt->bytes;
    return sys3(__NR_write, attempt->fd, attempt->buffer, bytes);
}

static long file_call(const struct fd_entry *entry, long nr, int fd, long a, long b, long c, long d)
{
    op_count();
    if (unlikely(entry && entry->waits_for_disk))
        return op_offload_finite(nr, fd, a, b, c, d);
    return op_direct(nr, fd, a, b, c, d);
}

static struct attempt new_attempt(int fd, struct fd_entry *entry, void *buffer, size_t bytes)
{
    return (struct attempt){ .fd = fd, .entry = entry, .buffer = buffer, .bytes = bytes };
}

/* A terminal may end a read by its own clock, or at once (VMIN and VTIME): then no readiness tells
 * when, and the call itself is made, by a helper if it can wait. False: read it like others. */
static bool read_by_time(struct attempt *attempt, long nr, const void *buffer, size_t bytes,
                         long *result)
{
    struct termios settings;
    if (attempt->entry->kind != FD_TERMINAL || !fd_blocks(attempt->entry, attempt->fd) ||
        sys3(__NR_ioctl, attempt->fd, TCGETS, &settings) != 0 || settings.c_lflag & ICANON ||
        (settings.c_cc[VMIN] && !settings.c_cc[VTIME]))
        return false;
    *result = take_turn(attempt);
    if (*result)
        return true;
    const long words[6] = { attempt->fd, (long)buffer, (long)bytes };
    if (settings.c_cc[VTIME])
        *result = offload_call_until(nr, words, attempt_set_deadline(attempt));
    else
        *result = sys3(nr, words[0], words[1], words[2]);
    if (*result == -ETIMEDOUT)
        *result = -EAGAIN;
    return true;
}

long op_read(int fd, void *buffer, size_t bytes)
{
    struct fd_entry *entry = fd_entry(fd);
    if (!entry || fd_private(fd))
        return -EBADF;
    enum fd_kind kind = fd_kind(entry, fd);
    if (kind == FD_FILE || kind == FD_UNKNOWN || !bytes)
        return file_call(entry, __NR_read, fd, (long)buffer, (long)bytes, 0, 0);
    struct attempt attempt = new_attempt(fd, entry, buffer, bytes);
    bool socket = kind == FD_TCP || kind == FD_SOCKET;
    attempt.try = socket ? try_recv : try_read;
    attempt.skip_first = socket && fd_is_drained(entry, fd);
    long result;
    if (unlikely(kind == FD_TERMINAL) && read_by_time(&attempt, __NR_read, buffer, bytes, &result))
        return result;
    return attempt_run(&attempt);
}

long op_write(int fd, const void *buffer, size_t bytes)
{
    struct fd_entry *entry = fd_entry(fd);
    if (!entry || fd_private(fd))
        return -EBADF;
    enum fd_kind kind = fd_kind(entry, fd);
    if (kind == FD_FILE || kind == FD_UNKNOWN || !bytes)
        return file_call(entry, __NR_write, fd, (long)buffer, (long)bytes, 0, 0);
    struct attempt attempt = new_attempt(fd, entry, (void *)buffer, bytes);
    attempt.for_write = true;
    attempt.try = kind == FD_TCP || kind == FD_SOCKET ? try_send : try_write;
    return attempt_run_all(&attempt);
}

/* Vectors: one try moves all parts; what is left over is moved part by part. */

static long try_readv(struct attempt *attempt)
{
    const struct iovec *parts = attempt->buffer;
    long count = attempt->word[0];
    if (attempt->entry->kind == FD_TCP || attempt->entry->kind == FD_SOCKET) {
        struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };
        return sys3(__NR_recvmsg, attempt->fd, &message, DONTWAIT);
    }
    struct iovec first;
    if (unlikely(signal_unread(this_co())) && attempt->entry->kind == FD_OTHER &&
        user_get(first, parts) == 0) {
        long own = signal_read_unread(this_co(), attempt->fd, first.iov_base, first.iov_len);
        if (own)
            return own;
    }
    long result;
    if (is_settled(attempt, parts, count, &result))
        return result;
    if (!ready_now(attempt->fd, POLLIN))
        return -EAGAIN;
    return sys3(__NR_readv, attempt->fd, parts, count);
}

static long total_bytes(const struct iovec *parts, int count)
{
    size_t total = 0;
    if (count < 0 || count > PARTS_MAX)
        return -EINVAL;
    for (int i = 0; i < count; i++) {
        struct iovec part;
        if (user_get(part, &parts[i]) != 0)
            return -EFAULT;
        total += part.iov_len;
        if ((long)total < 0 || (long)part.iov_len < 0)
            return -EINVAL;
    }
    return (long)total;
}

long op_readv(int fd, const struct iovec *parts, int count)
{
    struct fd_entry *entry = fd_entry(fd);
    if (!entry || fd_private(fd))
        return -EBADF;
    enum fd_kind kind = fd_kind(entry, fd);
    if (kind == FD_FILE || kind == FD_UNKNOWN || total_bytes(parts, count) <= 0)
        return file_call(entry, __NR_readv, fd, (long)parts, (long)count, 0, 0);
    struct attempt attempt = new_attempt(fd, entry, (void *)parts, 0);
    attempt.word[0] = count;
    attempt.try = try_readv;
    long result;
    if (unlikely(entry->kind == FD_TERMINAL) &&
        read_by_time(&attempt, __NR_readv, parts, (size_t)count, &result))
        return result;
    return attempt_run(&attempt);
}

static long try_writev(struct attempt *attempt)
{
    const struct iovec *parts = attempt->buffer;
    long count = attempt->word[0];
    if (attempt->entry->kind == FD_TCP || attempt->entry->kind == FD_SOCKET) {
        struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };
        return sys3(__NR_sendmsg, attempt->fd, &message, DONTWAIT);
    }
    long result;
    if (is_settled(attempt, parts, count, &result))
        return result;
    if (!ready_now(attempt->fd, POLLOUT))
        return write_unready(attempt, __NR_writev, parts, (size_t)count);
    if (attempt->entry->kind == FD_PIPE && attempt->word[1] > (long)PIPE_ATOM)
        return -EOVERFLOW; /* part by part instead */
    return sys3(__NR_writev, attempt->fd, parts, count);
}

/* Writes what remains of @parts after @done bytes. */
static long write_rest(int fd, const struct iovec *parts, int count, size_t done)
{
    size_t total = done;
    for (int i = 0; i < count; i++) {
        if (done >= parts[i].iov_len) {
            done -= parts[i].iov_len;
            continue;
        }
        size_t bytes = parts[i].iov_len - done;
        long result = op_write(fd, (char *)parts[i].iov_base + done, bytes);
        done = 0;
        if (result < 0)
            return attempt_total(total, result);
        total += (size_t)result;
        if ((size_t)result < bytes)
            break;
    }
    return (long)total;
}

long op_writev(int fd, const struct iovec *parts, int count)
{
    struct fd_entry *entry = fd_entry(fd);
    if (!entry || fd_private(fd))
        return -EBADF;
    enum fd_kind kind = fd_kind(entry, fd);
    long total = total_bytes(parts, count);
    if (kind == FD_FILE || kind == FD_UNKNOWN || total <= 0)
        return file_call(entry, __NR_writev, fd, (long)parts, (long)count, 0, 0);
    struct attempt attempt = new_attempt(fd, entry, (void *)parts, 0);
    attempt.for_write = true;
    attempt.word[0] = count;
    attempt.word[1] = total;
    attempt.try = try_writev;
    long result = attempt_run(&attempt);
    if (result == -EOVERFLOW)
        return write_rest(fd, parts, count, 0);
    if (result <= 0 || result == total || !fd_blocks(attempt.entry, attempt.fd))
        return result;
    return write_rest(fd, parts, count, (size_t)result);
}

/* A position: only files have one, and files never wait for readiness. */

long op_pread64(int fd, void *buffer, size_t bytes, off_t offset)
{
    return file_call(fd_entry_existing(fd), __NR_pread64, fd, (long)buffer, (long)bytes, offset, 0);
}

long op_pwrite64(int fd, const void *buffer, size_t bytes, off_t offset)
{
    return file_call(fd_entry_existing(fd), __NR_pwrite64, fd, (long)buffer, (long)bytes, offset,
                     0);
}

long op_preadv(int fd, const struct iovec *parts, int count, unsigned long low, unsigned long high)
{
    return file_call(fd_entry_existing(fd), __NR_preadv, fd, (long)parts, count, (long)low,
                     (long)high);
}

long op_pwritev(int fd, const struct iovec *parts, int count, unsigned long low, unsigned long high)
{
    return file_call(fd_entry_existing(fd), __NR_pwritev, fd, (long)parts, count, (long)low,
                     (long)high);
}

/* Without a position they are readv and writev, with flags. */

long op_preadv2(int fd, const struct iovec *parts, int count, unsigned long low, unsigned long high,
                int flags)
{
    const struct fd_entry *entry = fd_entry_existing(fd);
    if ((long)low == -1 && !flags)
        return op_readv(fd, parts, count);
    if (!(flags & RWF_NOWAIT) && entry && entry->waits_for_disk)
        return op_offload_finite(__NR_preadv2, fd, (long)parts, count, (long)low, (long)high,
                                 flags);
    return op_direct(__NR_preadv2, fd, (long)parts, count, (long)low, (long)high, flags);
}

long op_pwritev2(int fd, const struct iovec *parts, int count, unsigned long low,
                 unsigned long high, int flags)
{
    const struct fd_entry *entry = fd_entry_existing(fd);
    if ((long)low == -1 && !flags)
        return op_writev(fd, parts, count);
    bool waits = flags & (RWF_SYNC | RWF_DSYNC) || (entry && entry->waits_for_disk);
    if (waits && !(flags & RWF_NOWAIT))
        return op_offload_finite(__NR_pwritev2, fd, (long)parts, count, (long)low, (long)high,
                                 flags);
    return op_direct(__NR_pwritev2, fd, (long)parts, count, (long)low, (long)high, flags);
}
