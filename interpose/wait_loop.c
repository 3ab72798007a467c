/* The loop that every call on one descriptor shares. O_NONBLOCK is asked for only after EAGAIN, a
 * socket's timeout only when it has or may have one. */
#include "interpose/wait_loop.h"

#include <asm/socket.h>
#include <linux/time_types.h>

#define LEVEL_SOCKET 1

long poll_now(struct pollfd *fds, unsigned long count)
{
    long result;
    do
        result = sys3(__NR_poll, fds, count, 0);
    while (result == -EINTR);
    return result;
}

uint64_t attempt_deadline(const struct attempt *attempt)
{
    const struct fd_entry *entry = attempt->entry;
    if ((entry->kind != FD_TCP && entry->kind != FD_SOCKET) || !fd_may_time_out(entry))
        return DEADLINE_NEVER;
    struct __kernel_old_timeval timeout = { 0 };
    uint32_t size = sizeof(timeout);
    int option = attempt->for_write ? SO_SNDTIMEO_OLD : SO_RCVTIMEO_OLD;
    long error = sys5(__NR_getsockopt, attempt->fd, LEVEL_SOCKET, option, &timeout, &size);
    if (error || (!timeout.tv_sec && !timeout.tv_usec))
        return DEADLINE_NEVER;
    return deadline_after(clock_now(&runtime.clock), (uint64_t)timeout.tv_sec * NSEC_PER_SEC +
                                                         (uint64_t)timeout.tv_usec * NSEC_PER_USEC);
}

/* Why a wait ended, in the words of the call. */
static long ended(long error, bool timed)
{
    if (error == -ETIMEDOUT)
        return -EAGAIN;
    return error == -ERESTARTSYS && timed ? -ERESTARTNOHAND : error;
}

long attempt_run(struct attempt *attempt)
{
    struct fd_waiter waiter = { .fd = attempt->fd };
    uint64_t deadline = DEADLINE_NEVER;
    bool asked = false, waited = false;
    long result = -EAGAIN;
    for (;;) {
        if (!attempt->skip_first)
            result = attempt->try(attempt);
        attempt->skip_first = false;
        if (result > 0 && attempt->entry->peer)
            fd_transferred(attempt->entry, attempt->for_write);
        if (result != -EAGAIN)
            break;
        if (!attempt->for_write && !attempt->entry->sticky)
            attempt->entry->readable = false;
        if (!asked && (attempt->never_wait || !fd_blocks(attempt->entry, attempt->fd)))
            break;
        if (!asked)
            deadline = attempt_deadline(attempt);
        asked = waited = true;
        long error = op_fd_wait(&waiter, attempt->for_write, deadline);
        attempt->fd = waiter.fd;
        if (error) {
            result = error == -EPERM ? -EAGAIN : ended(error, deadline != DEADLINE_NEVER);
            break;
        }
        attempt->entry = fd_entry(attempt->fd);
        result = -EAGAIN;
    }
    fd_wait_done(&waiter);
    if (waited)
        this_co()->selfish_left = runtime.selfishness;
    else
        op_pace();
    return result;
}

long attempt_run_all(struct attempt *attempt)
{
    size_t total = attempt->bytes;
    for (;;) {
        long result = attempt_run(attempt);
        if (result <= 0) {
            size_t done = total - attempt->bytes;
            return done ? (long)done : result;
        }
        attempt->buffer = (char *)attempt->buffer + result;
        attempt->bytes -= (size_t)result;
        if (!attempt->bytes)
            return (long)total;
        if (attempt->never_wait || !fd_blocks(attempt->entry, attempt->fd))
            return (long)(total - attempt->bytes);
    }
}
