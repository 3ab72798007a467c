/* What every waiting call of the API stands on: lists of waiters under a mutex of the object's.
 *
 * One implementation for all modes. A waiter sleeps on a futex word of its own: with coroutines that is our
 * table in user space, otherwise the kernel's. Objects are guarded by a plain pthread_mutex_t, whose doors
 * are as quick as a lock of ours would be. The shape of a call:
 *
 *     uint64_t deadline_ns;
 *     int error = api_deadline(seconds, &deadline_ns);      // once, before anything else
 *     if (error) return api_error(error);
 *     pthread_mutex_lock(&channel->lock);
 *     if (must wait) {
 *         struct api_waiter waiter = { .object = &value, .undo = give_back };
 *         error = api_wait(&channel->receivers, &channel->lock, &waiter, deadline_ns);
 *     }
 *     pthread_mutex_unlock(&channel->lock);
 *     return error ? api_error(error) : 0;
 *
 * The other side takes a waiter with api_first, fills in *object and calls api_wake, all under the
 * lock. So a value is handed over exactly once: who is woken has it, who timed out is off the list. */
#ifndef CORO_API_WAIT_H
#define CORO_API_WAIT_H

#include <errno.h>
#include <pthread.h>

#include "runtime/list.h"
#include "shim/api/park.h"

/* A waiting thread; lives on its stack for the time of the wait. Guarded by the object's lock. */
struct api_waiter {
    struct list link;
    uint32_t word;            /* 1: woken */
    int result;               /* api_wake's */
    struct api_reason reason; /* that observers are told */
    void *object;             /* what the two sides agree on: room for a value, the value itself */
    /* The wait was unwound (cancellation, a timeout around it) after the waiter had been woken: what
     * was handed over goes back. Called with the lock held; NULL: nothing to give back. */
    void (*undo)(struct api_waiter *waiter);
    /* The wait was unwound, woken or not; under the lock, after undo. NULL: nothing to do. */
    void (*left)(struct api_waiter *waiter);
};

/* Where the woken thread goes in the run queue; without coroutines it makes no difference. */
enum api_place {
    API_LAST,  /* behind those that can run */
    API_FIRST, /* before them: it runs when the caller next waits or yields. As often as favours last
                * (sched.h), so that two threads waking each other don't keep others out */
};

/* @seconds from now as a deadline for api_wait: negative is now, CORO_FOREVER never. Returns 0 or EINVAL
 * (not a number). */
int api_deadline(double seconds, uint64_t *deadline_ns);

/* CLOCK_MONOTONIC, which such deadlines are on. */
uint64_t api_now_ns(void);

/* errno = @error, and -1. */
int api_error(int error);

/* Puts @waiter at the end of @waiters and waits until api_wake or @deadline_ns (CLOCK_MONOTONIC
 * nanoseconds; DEADLINE_NEVER). Returns api_wake's result, or ETIMEDOUT: then the waiter is off the list. A
 * deadline that is over is ETIMEDOUT at once. The caller holds @lock, which is released meanwhile and
 * held again on return. When the thread is cancelled or a coro_with_timeout around it ends, this does not
 * return: the waiter is taken off and the lock released before the caller's frames are unwound, so the
 * caller needs no cleanup for either. WAITS. */
int api_wait(struct list *waiters, pthread_mutex_t *lock, struct api_waiter *waiter,
             uint64_t deadline_ns);

/* The first waiter, left on the list, or NULL. The caller holds the lock. */
static inline struct api_waiter *api_first(const struct list *waiters)
{
    return list_empty(waiters) ? NULL : container_of(waiters->next, struct api_waiter, link);
}

/* Takes @waiter off its list and ends its wait with @result (0 or an error number). The caller holds the
 * lock; @waiter may be gone when it lets go. */
void api_wake(struct api_waiter *waiter, int result, enum api_place place);

/* api_wake for all of them, in order, behind those that can run. Returns how many. */
size_t api_wake_all(struct list *waiters, int result);

/* Others that can run do so; the caller goes behind them. Not a cancellation point. */
void api_yield(void);

#endif
