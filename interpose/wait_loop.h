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

/* What is left to say of an attempt that took several runs and ended with @result: how much they
 * moved of @total bytes, or @result when that is nothing. */
long attempt_total(const struct attempt *attempt, size_t total, long result);

/* When SO_RCVTIMEO or SO_SNDTIMEO, which the program sets, ends a wait that begins now. */
uint64_t attempt_own_deadline(const struct attempt *attempt);

/* When CORO_TIMEOUT_*, which the user sets, does. */
uint64_t attempt_set_deadline(struct attempt *attempt);

/* Writes all of @attempt's bytes, as blocking writes do: each try that moves some advances buffer
 * and bytes. Returns the number written, or an error when there was none. PARKS. */
long attempt_run_all(struct attempt *attempt);

/* poll(2) that does not wait. The kernel's own would answer -EINTR when a signal is pending and
 * nothing ready, even with no time to wait; then the event that came meanwhile might be missed. */
long poll_now(struct pollfd *fds, unsigned long count);

#endif
