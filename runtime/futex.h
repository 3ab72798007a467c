/* futex(2) in user space: wait queues keyed by address.
 *
 * Private futexes, and any whose memory this process alone uses, live here. Memory that other
 * processes may wait on or wake stays the kernel's business (interpose/futex.c decides).
 * All calls: the carrier, in the runtime. Semantics: futex(2), kernel/futex/. */
#ifndef CORO_FUTEX_H
#define CORO_FUTEX_H

#include "runtime/base.h"
#include "runtime/list.h"
#include "runtime/mem.h"

struct co;

#define FUTEX_ANY UINT32_MAX /* FUTEX_BITSET_MATCH_ANY */

int futex_init(void);

/* Parks while *@word == @expected, until a wake whose bits meet @bits or @deadline_ns. Returns 0,
 * -EAGAIN (the word differs), -ETIMEDOUT, -ERESTARTSYS or -ENOMEM. PARKS. */
int futex_wait(uint32_t *word, uint32_t expected, uint32_t bits, uint64_t deadline_ns);

/* A coroutine's place in the queue of a word; lives on its stack for the time of the wait. */
struct futex_waiter {
    struct list link;
    struct co *co;
    uint32_t *word;
    uint32_t expected; /* value of the word for which it waits */
    uint32_t bits;
    bool woken;
};

/* One word of a wait on several. */
struct futex_any {
    uint32_t *word;
    uint32_t expected;
    struct futex_waiter waiter;
};

/* Parks until one of @count words is woken. Returns its index, or as futex_wait. PARKS. */
int futex_wait_any(struct futex_any *words, uint32_t count, uint64_t deadline_ns);

/* Wakes up to @count waiters of @word, first come first, whose bits meet @bits. Returns
 * how many, or -EINVAL when it comes upon one that waits for a lock (co.pi_word). */
int futex_wake(uint32_t *word, int count, uint32_t bits);

/* After a call that wakes: every so many of them in a row, lets others run. Who releases a lock and takes
 * it again at once, over and over, would leave those it wakes no moment in which the lock is free; on
 * another processor they would find one. Who has been woken in vain several times runs at once, while what
 * he was woken for is free. PARKS. */
void futex_give_way(void);

/* The first waiter of @word, or NULL. */
struct co *futex_first(const uint32_t *word);

/* Wakes the first waiter of @word. Returns its coroutine, which has not run yet, or NULL. */
struct co *futex_wake_next(uint32_t *word);

/* Wakes up to @wake waiters of @word and moves up to @move of the rest to @target. With @expected,
 * only if *@word == *@expected (else -EAGAIN). Returns woken + moved, with @expected or without, as
 * the kernel does (whatever futex(2) says), or -EINVAL when it comes upon one that waits for a lock. */
int futex_requeue(uint32_t *word, int wake, uint32_t *target, int move, const uint32_t *expected);

/* Moves up to @move waiters of @word, which wait to be moved to @lock, there: they wait for a mutex at
 * @lock then (co.wait). Returns how many, or -EINVAL
 * when it comes upon one that does not. */
int futex_requeue_to_lock(uint32_t *word, uint32_t *lock, int move);

/* FUTEX_WAKE_OP: changes *@target as @operation encodes, wakes up to @wake waiters of @word, and up
 * to @wake_target of @target if the comparison of its old value holds. Returns the number woken, or
 * -ENOSYS for an unknown operation. */
int futex_wake_op(uint32_t *word, int wake, uint32_t *target, int wake_target, uint32_t operation);

/* Wakes all whose word has another value by now: somebody may have woken them elsewhere. */
void futex_wake_outdated(void);

/* True when somebody waits on @word here. */
bool futex_has_waiters(uint32_t *word);

/* Forgets all waiters (child of a fork). */
void futex_reset(void);

#endif
