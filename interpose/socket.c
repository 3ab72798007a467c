/* Sockets: MSG_DONTWAIT on every call, readiness between. Calls that take no flags: accept waits
 * for readiness first; connect is made to return at once on a socket that this process alone has,
 * and is offloaded otherwise. */
#include "interpose/wait_loop.h"

#include <asm/socket.h>
#include <linux/fcntl.h>
#include <linux/net.h>
#include <linux/socket.h>

#include "shim/conf.h"

#define LEVEL_SOCKET  1
#define DONTWAIT      0x40     /* MSG_DONTWAIT */
#define WAITALL       0x100    /* MSG_WAITALL */
#define PEEK          0x02     /* MSG_PEEK */
#define ERRQUEUE      0x2000   /* MSG_ERRQUEUE */
#define WAITFORONE    0x10000  /* MSG_WAITFORONE */
#define NONBLOCK      04000    /* SOCK_NONBLOCK */
#define CLOSE_ON_EXEC 02000000 /* SOCK_CLOEXEC */
#define TYPE_MASK     0xf
#define STREAM        1
#define SEQUENTIAL    5 /* SOCK_SEQPACKET */
#define PROTO_TCP     6
#define INET          2
#define INET6         10

static bool is_socket(const struct fd_entry *entry)
{
    return entry && (entry->kind == FD_TCP || entry->kind == FD_SOCKET);
}

/* What is known to be a socket is the program's, unless it keeps a closed one for its waiters. */
static struct fd_entry *socket_entry(int fd)
{
    struct fd_entry *entry = fd_entry(fd);
    if (likely(is_socket(entry) && !entry->private_copy))
        return entry;
    if (!entry || fd_private(fd))
        return NULL;
    fd_kind(entry, fd);
    return entry;
}

static bool is_stream(int fd)
{
    int type = 0;
    uint32_t size = sizeof(type);
    sys5(__NR_getsockopt, fd, LEVEL_SOCKET, SO_TYPE, &type, &size);
    return type == STREAM || type == SEQUENTIAL;
}

/* recv */

static long try_recvfrom(struct attempt *attempt)
{
    struct fd_entry *entry = attempt->entry;
    uint16_t events = entry->events;
    long flags = attempt->word[0];
    long result = sys6(__NR_recvfrom, attempt->fd, attempt->buffer, attempt->bytes,
                       flags | DONTWAIT, attempt->word[1], attempt->word[2]);
    if (!flags)
        fd_was_read(entry, events, result, attempt->bytes);
    return result;
}

/* MSG_WAITALL: until all has come, or the end, an error, a signal or the timeout. */
static long receive_all(struct attempt *attempt)
{
    size_t total = attempt->bytes;
    while (attempt->bytes) {
        long result = attempt_run(attempt);
        if (result <= 0)
            return attempt_total(total - attempt->bytes, result);
        attempt->buffer = (char *)attempt->buffer + result;
        attempt->bytes -= (size_t)result;
    }
    return (long)total;
}

long op_recvfrom(int fd, void *buffer, size_t bytes, int flags, struct sockaddr *address,
                 socklen_t *length)
{
    struct fd_entry *entry = socket_entry(fd);
    if (!is_socket(entry))
        return sys6(__NR_recvfrom, fd, buffer, bytes, flags, address, length);
    struct attempt attempt = {
        .fd = fd,
        .entry = entry,
        .try = try_recvfrom,
        .buffer = buffer,
        .bytes = bytes,
        .never_wait = flags & (DONTWAIT | ERRQUEUE),
        .word = { flags, (long)address, (long)length },
    };
    attempt.skip_first = !flags && fd_is_drained(entry, fd);
    if (flags & WAITALL && !(flags & (PEEK | DONTWAIT)) && is_stream(fd))
        return receive_all(&attempt);
    return attempt_run_inline(&attempt);
}

static long try_recvmsg(struct attempt *attempt)
{
    return sys3(__NR_recvmsg, attempt->fd, attempt->buffer, attempt->word[0] | DONTWAIT);
}

long op_recvmsg(int fd, struct msghdr *message, int flags)
{
    struct fd_entry *entry = socket_entry(fd);
    if (!is_socket(entry))
        return sys3(__NR_recvmsg, fd, message, flags);
    struct attempt attempt = {
        .fd = fd,
        .entry = entry,
        .try = try_recvmsg,
        .buffer = message,
        .never_wait = flags & (DONTWAIT | ERRQUEUE),
        .word = { flags },
    };
    long result = attempt_run(&attempt);
    if (result <= 0 || !(flags & WAITALL) || flags & (PEEK | DONTWAIT) || entry->kind != FD_TCP)
        return result;
    size_t done = (size_t)result;
    for (size_t i = 0; i < message->msg_iovlen; i++) { /* the rest, part by part */
        struct iovec *part = &message->msg_iov[i];
        size_t skip = done < part->iov_len ? done : part->iov_len;
        done -= skip;
        if (skip == part->iov_len)
            continue;
        size_t wanted = part->iov_len - skip;
        long more = op_recvfrom(fd, (char *)part->iov_base + skip, wanted, flags, NULL, NULL);
        if (more > 0)
            result += more;
        if (more < (long)wanted)
            break;
    }
    return result;
}

/* With a timeout one message at a time: it is looked at after each. */
static long try_recvmmsg(struct attempt *attempt)
{
    return sys5(__NR_recvmmsg, attempt->fd, attempt->buffer, attempt->word[1] ? 1 : attempt->bytes,
                (attempt->word[0] | DONTWAIT) & ~WAITFORONE, 0);
}

/* Blocks until all @count messages have come; with MSG_WAITFORONE until the first. The timeout is
 * looked at after each message only, as recvmmsg(2) says under BUGS. */
long op_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                 struct timespec *timeout)
{
    struct fd_entry *entry = socket_entry(fd);
    uint64_t deadline;
    if (!is_socket(entry) || !count)
        return sys5(__NR_recvmmsg, fd, messages, count, flags, timeout);
    long error = op_deadline((const void *)timeout, &deadline);
    if (error)
        return error;
    struct attempt attempt = {
        .fd = fd,
        .entry = entry,
        .try = try_recvmmsg,
        .buffer = messages,
        .bytes = count,
        .never_wait = flags & (DONTWAIT | ERRQUEUE),
        .word = { flags, timeout != NULL },
    };
    unsigned done = 0;
    while (done < count) {
        attempt.buffer = messages + done;
        attempt.bytes = count - done;
        long result = attempt_run(&attempt);
        if (result <= 0)
            return done ? (long)done : result;
        done += (unsigned)result;
        if (flags & (WAITFORONE | DONTWAIT) || clock_now(&runtime.clock) >= deadline)
            break;
        if (!fd_blocks(attempt.entry, attempt.fd))
            break;
    }
    return done;
}

/* send */

static long try_sendto(struct attempt *attempt)
{
    return sys6(__NR_sendto, attempt->fd, attempt->buffer, attempt->bytes,
                attempt->word[0] | DONTWAIT, attempt->word[1], attempt->word[2]);
}

long op_sendto(int fd, const void *buffer, size_t bytes, int flags, const struct sockaddr *address,
               socklen_t length)
{
    struct fd_entry *entry = socket_entry(fd);
    if (!is_socket(entry))
        return sys6(__NR_sendto, fd, buffer, bytes, flags, address, length);
    long first = -EAGAIN;
    if (likely(bytes && !fault.on && !entry->peer)) {
        op_pace(false);
        first = sys6(__NR_sendto, fd, buffer, bytes, flags | DONTWAIT, address, length);
        if (likely(first == (long)bytes || (first <= 0 && first != -EAGAIN)))
            return first; /* as nearly always: there is nothing to keep for another try */
    }
    struct attempt attempt = {
        .fd = fd,
        .entry = entry,
        .for_write = true,
        .try = try_sendto,
        .buffer = (void *)buffer,
        .bytes = bytes,
        .never_wait = flags & DONTWAIT,
        .word = { flags, (long)address, length },
    };
    if (first > 0)
        return attempt_run_rest(&attempt, bytes, first);
    return bytes ? attempt_run_all(&attempt) : attempt_run(&attempt);
}

static long try_sendmsg(struct attempt *attempt)
{
    return sys3(__NR_sendmsg, attempt->fd, attempt->buffer, attempt->word[0] | DONTWAIT);
}

long op_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct fd_entry *entry = socket_entry(fd);
    if (!is_socket(entry))
        return sys3(__NR_sendmsg, fd, message, flags);
    struct msghdr header;
    if (user_get(header, message) != 0)
        return -EFAULT;
    if (header.msg_controllen)
        fd_all_shared(); /* SCM_RIGHTS may give descriptors away */
    struct attempt attempt = {
        .fd = fd,
        .entry = entry,
        .for_write = true,
        .try = try_sendmsg,
        .buffer = (void *)message,
        .never_wait = flags & DONTWAIT,
        .word = { flags },
    };
    long result = attempt_run(&attempt);
    if (result <= 0 || flags & DONTWAIT)
        return result;
    size_t done = (size_t)result;
    for (size_t i = 0; i < message->msg_iovlen; i++) { /* a stream took a part: send the rest */
        const struct iovec *part = &message->msg_iov[i];
        size_t skip = done < part->iov_len ? done : part->iov_len;
        done -= skip;
        if (skip == part->iov_len)
            continue;
        if (!fd_blocks(attempt.entry, fd))
            break;
        size_t wanted = part->iov_len - skip;
        long more = op_sendto(fd, (char *)part->iov_base + skip, wanted, flags, NULL, 0);
        if (more > 0)
            result += more;
        if (more < (long)wanted)
            break;
    }
    return result;
}

long op_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (count > 1024)
        count = 1024;
    for (unsigned i = 0; i < count; i++) {
        long result = op_sendmsg(fd, &messages[i].msg_hdr, flags);
        if (result < 0)
            return i ? (long)i : result;
        messages[i].msg_len = (unsigned)result;
    }
    return count;
}

/* Connections */

/* Another process may take the connection between the look and the call: then the call blocks, and
 * the next slice signal brings it back (sys_interruptible). Whatever ends the call early is seen to
 * by the loop; then we look again, because the edge that told of this connection is used up. */
static long try_accept(struct attempt *attempt)
{
    struct pollfd one = { .fd = attempt->fd, .events = POLLIN };
    while (poll_now(&one, 1) != 0) {
        long result =
            sys_interruptible(&this_carrier()->kthread.attention, __NR_accept4, attempt->fd,
                              attempt->word[0], attempt->word[1], attempt->word[2], 0, 0);
        if (result != -ERESTARTSYS && result != -EINTR)
            return result;
        sched_yield_polling();
        if (signal_deliverable(this_co()))
            return -ERESTARTSYS;
    }
    return -EAGAIN;
}

static long try_accept_nonblocking(struct attempt *attempt)
{
    return sys4(__NR_accept4, attempt->fd, attempt->word[0], attempt->word[1], attempt->word[2]);
}

/* accept on any other socket is an error at once, never a wait. */
static bool is_listening(struct fd_entry *entry, int fd)
{
    int listening = 0;
    uint32_t size = sizeof(listening);
    if (!entry->listening)
        sys5(__NR_getsockopt, fd, LEVEL_SOCKET, SO_ACCEPTCONN, &listening, &size);
    return entry->listening |= listening != 0;
}

long op_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    struct fd_entry *entry = socket_entry(fd);
    if (!is_socket(entry) || !is_listening(entry, fd))
        return sys4(__NR_accept4, fd, address, length, flags);
    if (flags & ~(NONBLOCK | CLOSE_ON_EXEC))
        return -EINVAL; /* no wait first */
    struct attempt attempt = {
        .fd = fd,
        .entry = entry,
        .limit = TIMEOUT_ACCEPT,
        .word = { (long)address, (long)length, flags },
        .try = fd_blocks(entry, fd) ? try_accept : try_accept_nonblocking,
    };
    bool timeouts = entry->has_timeouts;
    uint8_t kind = entry->kind;
    long result = attempt_run(&attempt);
    if (result >= 0) {
        fd_opened((int)result, (enum fd_kind)kind, flags & NONBLOCK);
        fd_entry((int)result)->has_timeouts = timeouts;
    }
    return result;
}

long op_accept(int fd, struct sockaddr *address, socklen_t *length)
{
    return op_accept4(fd, address, length, 0);
}

/* CORO_TIMEOUT_CONNECT is over: as after the kernel's own ETIMEDOUT, nothing is under way. */
static long give_up_connect(int fd)
{
    const uint16_t unspecified[8] = { 0 }; /* AF_UNSPEC */
    sys3(__NR_connect, fd, unspecified, sizeof(unspecified));
    return -ETIMEDOUT;
}

/* Waits for a connection under way, then asks how it went. SO_SNDTIMEO ends the wait at @own,
 * CORO_TIMEOUT_CONNECT at @set. */
static long finish_connect(int fd, const struct sockaddr *address, socklen_t length, uint64_t own,
                           uint64_t set)
{
    struct fd_waiter waiter = { .fd = fd };
    int error = 0;
    for (;;) {
        struct pollfd one = { .fd = waiter.fd, .events = POLLOUT };
        if (poll_now(&one, 1) != 0)
            break;
        error = op_fd_wait(&waiter, true, own < set ? own : set);
        if (error)
            break;
    }
    if (error == -ETIMEDOUT && own <= set)
        error = -EINPROGRESS; /* SO_SNDTIMEO: the connection goes on without us */
    else if (error == -ETIMEDOUT)
        error = (int)give_up_connect(waiter.fd);
    if (!error) {
        uint32_t size = sizeof(error);
        sys5(__NR_getsockopt, waiter.fd, LEVEL_SOCKET, SO_ERROR, &error, &size);
        error = -error;
        if (!error) /* the socket's own state moves on at the next call only */
            sys3(__NR_connect, waiter.fd, address, length);
    }
    fd_wait_done(&waiter);
    return error == -ERESTARTSYS && own != DEADLINE_NEVER ? -ERESTARTNOHAND : error;
}

long op_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    struct fd_entry *entry = socket_entry(fd);
    if (!is_socket(entry) || !fd_blocks(entry, fd))
        return sys3(__NR_connect, fd, address, length);
    if (entry->kind != FD_TCP && !is_stream(fd))
        return sys3(__NR_connect, fd, address, length); /* only notes the peer */
    struct attempt about = {
        .fd = fd, .entry = entry, .for_write = true, .limit = TIMEOUT_CONNECT
    };
    uint64_t set = attempt_set_deadline(&about);
    if (entry->kind != FD_TCP || !fd_is_owned(entry))
        return offload_call_until(__NR_connect, (long[6]){ fd, (long)address, length }, set);
    /* Nobody else can see the flag: the file is ours alone and no thread runs in between. */
    long flags = sys2(__NR_fcntl, fd, F_GETFL);
    sys3(__NR_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
    long result = sys3(__NR_connect, fd, address, length);
    sys3(__NR_fcntl, fd, F_SETFL, flags);
    if (result != -EINPROGRESS && result != -EALREADY) /* under way since an interrupted call */
        return result;
    result = finish_connect(fd, address, length, attempt_own_deadline(&about), set);
    if (result == -ERESTARTSYS)
        this_co()->wait_until = about.until;
    return result;
}

static enum fd_kind kind_of_new(int domain, int type, int protocol)
{
    bool tcp = (domain == INET || domain == INET6) && (type & TYPE_MASK) == STREAM &&
               (!protocol || protocol == PROTO_TCP);
    return tcp ? FD_TCP : FD_SOCKET;
}

long op_socket(int domain, int type, int protocol)
{
    long fd = sys3(__NR_socket, domain, type, protocol);
    if (fd >= 0)
        fd_opened((int)fd, kind_of_new(domain, type, protocol), type & NONBLOCK);
    return fd;
}

long op_socketpair(int domain, int type, int protocol, int *pair)
{
    long result = sys4(__NR_socketpair, domain, type, protocol, pair);
    for (int i = 0; result == 0 && i < 2; i++)
        fd_opened(pair[i], FD_SOCKET, type & NONBLOCK);
    if (result == 0)
        fd_paired(pair[0], pair[1]);
    return result;
}

long op_setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
    struct fd_entry *entry = fd_entry_existing(fd);
    bool timeout = option == SO_RCVTIMEO_OLD || option == SO_SNDTIMEO_OLD ||
                   option == SO_RCVTIMEO_NEW || option == SO_SNDTIMEO_NEW;
    if (entry && level == LEVEL_SOCKET && timeout)
        fd_set_timeouts(fd);
    bool records = level == PROTO_TCP && option == 31; /* TCP_ULP: kernel TLS */
    bool late = level == LEVEL_SOCKET && option == SO_RCVLOWAT;
    if (entry && entry->kind == FD_TCP && (records || late))
        entry->kind = FD_SOCKET; /* a short read isn't the end, or data comes without an event */
    return sys5(__NR_setsockopt, fd, level, option, value, length);
}

/* A local socket's writer must now meet EPIPE, but with a full buffer no poll says so. */
static void wake_writers(void)
{
    struct list *node, *after;
    list_for_each (node, after, &runtime.all) {
        struct co *co = container_of(node, struct co, all);
        if (co->state == CO_PARKED && co->wait.kind == WAIT_WRITE)
            sched_wake(co, 0);
    }
}

long op_shutdown(int fd, int how)
{
    struct fd_entry *entry = socket_entry(fd);
    long result = fd_private(fd) ? -EBADF : sys2(__NR_shutdown, fd, how);
    if (result == 0 && entry && entry->kind == FD_SOCKET)
        wake_writers();
    return result;
}
