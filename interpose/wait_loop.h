/* The loop that every call on one descriptor shares: try, and while the kernel says EAGAIN on a
 * descriptor that should block, wait for readiness. */
#ifndef CORO_WAIT_LOOP_H
#define CORO_WAIT_LOOP_H

#include "interpose/op.h"

struct attempt {
    int fd; /* the number to use: it changes when the program closes the old one meanwhile */
    bool for_write;
    bool never_wait; /* the caller asked not to: MSG_DONTWAIT */
    bool skip_first; /* nothing can be there: wait first */
    uint8_t limit;   /* enum conf_timeout; TIMEOUT_READ: the direction's */
    uint64_t until;  /* what CORO_TIMEOUT_* made of it at the first wait; 0: none yet */
    struct fd_entry *entry;
    /* One try, without blocking. Returns a result or -errno; -EAGAIN means wait. */
    long (*try)(struct attempt *attempt);
    /* The caller's words. */
    void *buffer;
    size_t bytes;
    long word[5];
};

/* Runs @attempt to its end. -EAGAIN also when SO_RCVTIMEO, SO_SNDTIMEO or CORO_TIMEOUT_* runs out.
 * PARKS. */
long attempt_run(struct attempt *attempt);

/* CORO_FAULT's short transfers: a try of a part of the bytes. */
long attempt_try_a_part(struct attempt *attempt);

/* What is left to say of a call that took several runs and ended with @result: the @moved bytes, or
 * @result when they are none, or when the thread is cancelled. */
long attempt_total(size_t moved, long result);

/* When SO_RCVTIMEO or SO_SNDTIMEO, which the program sets, ends a wait that begins now. */
uint64_t attempt_own_deadline(const struct attempt *attempt);

/* When CORO_TIMEOUT_*, which the user sets, does. */
uint64_t attempt_set_deadline(struct attempt *attempt);

/* Writes all of @attempt's bytes, as blocking writes do: each try that moves some advances buffer
 * and bytes. Returns the number written, or an error when there was none. PARKS. */
long attempt_run_all(struct attempt *attempt);

/* The same when the first run has ended with @result of @total bytes. */
long attempt_run_rest(struct attempt *attempt, size_t total, long result);

/* poll(2) that does not wait. The kernel's own would answer -EINTR when a signal is pending and
 * nothing ready, even with no time to wait; then the event that came meanwhile might be missed. */
long poll_now(struct pollfd *fds, unsigned long count);

/* Why a wait ended, in the words of the call. */
static inline long attempt_ended(long error, bool timed)
{
    if (error == -ETIMEDOUT)
        return -EAGAIN;
    return error == -ERESTARTSYS && timed ? -ERESTARTNOHAND : error;
}

/* attempt_run for the calls of which servers make most: compiled into the caller, `try` and all. A
 * system call leaves no return address predicted, so every level of calls above it costs. */
static inline __attribute__((always_inline)) long attempt_run_inline(struct attempt *attempt)
{
    struct fd_waiter *waiter = &this_co()->waiter;
    uint64_t own = DEADLINE_NEVER, set = DEADLINE_NEVER;
    bool asked = false, waited = false;
    long result = -EAGAIN;
    if (!attempt->skip_first)
        op_pace(!attempt->for_write);
    else
        op_count();
    *waiter = (struct fd_waiter){ .fd = attempt->fd };
    for (;;) {
        if (!attempt->skip_first || fault_happens(FAULT_SLOW))
            result = unlikely(fault.on) ? attempt_try_a_part(attempt) : attempt->try(attempt);
        attempt->skip_first = false;
        if (result > 0 && attempt->entry->peer && !fault_happens(FAULT_SLOW))
            fd_transferred(attempt->entry, attempt->for_write);
        if (result != -EAGAIN)
            break;
        if (!asked && (attempt->never_wait || !fd_blocks(attempt->entry, attempt->fd)))
            break;
        if (!asked) {
            own = attempt_own_deadline(attempt);
            set = attempt_set_deadline(attempt);
        }
        asked = waited = true;
        long error = op_fd_wait(waiter, attempt->for_write, own < set ? own : set);
        attempt->fd = waiter->fd;
        if (error) {
            if (error == -ERESTARTSYS)
                this_co()->wait_until = attempt->until;
            result = error == -EPERM ? -EAGAIN : attempt_ended(error, own != DEADLINE_NEVER);
            break;
        }
        attempt->entry = fd_entry(attempt->fd);
        result = -EAGAIN;
    }
    fd_wait_done(waiter);
    if (waited)
        op_refill_pace(this_co());
    return result;
}

#endif
