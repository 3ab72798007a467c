/* The loop that every call on one descriptor shares. O_NONBLOCK is asked for only after EAGAIN, a
 * socket's timeout only when it has or may have one. */
#include "interpose/wait_loop.h"

#include "interpose/limit.h"

#include <asm/socket.h>
#include <linux/fcntl.h>
#include <linux/time_types.h>

#include "shim/conf.h"

#define LEVEL_SOCKET 1
#define STREAM       1 /* SOCK_STREAM */

long poll_now(struct pollfd *fds, unsigned long count)
{
    long result;
    do
        result = sys3(__NR_poll, fds, count, 0);
    while (result == -EINTR);
    return result;
}

uint64_t attempt_own_deadline(const struct attempt *attempt)
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

/* Eventfds, timerfds and the like wait for something inside of the program: they have no limit. */
static bool has_limit(const struct attempt *attempt)
{
    return attempt->entry->kind != FD_OTHER;
}

uint64_t attempt_set_deadline(struct attempt *attempt)
{
    uint8_t which = attempt->for_write && !attempt->limit ? TIMEOUT_WRITE : attempt->limit;
    uint64_t limit = conf.timeout_ns[which];
    struct co *co = this_co();
    if (likely(!limit) || !has_limit(attempt))
        return DEADLINE_NEVER;
    if (!attempt->until) { /* a call that a handler interrupted goes on with its time */
        attempt->until = co->wait_until;
        co->wait_until = 0;
        if (attempt->until)
            return attempt->until;
    } else if (!conf.timeout_weak) {
        return attempt->until;
    }
    return attempt->until = deadline_after(clock_now(&runtime.clock), limit);
}

/* A stream of bytes, of which any number may come at once. */
static bool is_stream(const struct attempt *attempt)
{
    int type = 0;
    uint32_t size = sizeof(type);
    switch (attempt->entry->kind) {
    case FD_TCP:
        return true;
    case FD_PIPE:
        return !(sys2(__NR_fcntl, attempt->fd, F_GETFL) & O_DIRECT); /* else it keeps messages */
    case FD_SOCKET:
        sys5(__NR_getsockopt, attempt->fd, LEVEL_SOCKET, SO_TYPE, &type, &size);
        return type == STREAM;
    default:
        return false;
    }
}

long attempt_try_a_part(struct attempt *attempt)
{
    size_t bytes = attempt->bytes;
    if (bytes > 1 && fault_roll(FAULT_SHORT) && is_stream(attempt))
        attempt->bytes = 1 + fault_below(bytes - 1);
    long result = attempt->try(attempt);
    attempt->bytes = bytes;
    this_co()->moved |= result > 0;
    return result;
}

long attempt_run(struct attempt *attempt)
{
    return attempt_run_inline(attempt);
}

long attempt_total(size_t moved, long result)
{
    if (!moved)
        return result;
    if (result == -EDOOR && !limit_keeps_result(this_co()))
        return result;         /* as in libc, where SIGCANCEL unwinds at once */
    this_co()->wait_until = 0; /* what moved is the result: nothing is restarted */
    return (long)moved;
}

long attempt_run_all(struct attempt *attempt)
{
    return attempt_run_rest(attempt, attempt->bytes, attempt_run(attempt));
}

long attempt_run_rest(struct attempt *attempt, size_t total, long result)
{
    for (;; result = attempt_run(attempt)) {
        if (result <= 0)
            return attempt_total(total - attempt->bytes, result);
        attempt->buffer = (char *)attempt->buffer + result;
        attempt->bytes -= (size_t)result;
        if (!attempt->bytes)
            return (long)total;
        if (attempt->never_wait || !fd_blocks(attempt->entry, attempt->fd))
            return (long)(total - attempt->bytes);
    }
}
