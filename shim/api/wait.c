/* Waiting, see wait.h.
 *
 * A waiter is on its list exactly while its word is 0 and nobody has woken or unwound it; both sides look
 * under the object's lock. The word is the futex: the waker sets it under the lock, the sleeper looks at it
 * before it takes the lock again, and only believes it with the lock held. After api_wake the waiter's
 * memory may be gone before the futex is woken: that wakes nobody, or somebody for nothing, and everyone
 * who sleeps on a futex looks again. */
#include "shim/api/wait.h"

#include <math.h>
#include <time.h>

#define SECONDS_MAX 1e9 /* beyond it, for ever: half a lifetime is as good */

int api_error(int error)
{
    errno = error;
    return -1;
}

uint64_t api_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

int api_deadline(double seconds, uint64_t *deadline_ns)
{
    if (isnan(seconds))
        return EINVAL;
    *deadline_ns = DEADLINE_NEVER;
    if (seconds <= 0)
        *deadline_ns = 0;
    else if (seconds < SECONDS_MAX)
        *deadline_ns = api_now_ns() + (uint64_t)(seconds * (double)NSEC_PER_SEC);
    return 0;
}

struct wait {
    struct api_waiter *waiter;
    pthread_mutex_t *lock;
};

/* The thread is unwound out of its wait; the lock is not held. */
static void unwound(void *argument)
{
    struct wait *wait = argument;
    struct api_waiter *waiter = wait->waiter;
    pthread_mutex_lock(wait->lock);
    list_remove(&waiter->link);
    if (waiter->word && waiter->undo)
        waiter->undo(waiter);
    if (waiter->left)
        waiter->left(waiter);
    pthread_mutex_unlock(wait->lock);
}

/* Sleeps until woken or @deadline_ns. A request to leave that comes with the wake loses: it is met at
 * the next cancellation point. */
static void sleep_until_woken(struct wait *wait, uint64_t deadline_ns)
{
    struct api_waiter *waiter = wait->waiter;
    int error = 0;
    pthread_cleanup_push(unwound, wait);
    while (!__atomic_load_n(&waiter->word, __ATOMIC_ACQUIRE) && error != ETIMEDOUT) {
        error = api_park(&waiter->word, &waiter->reason, deadline_ns);
        if (error == ECANCELED && !__atomic_load_n(&waiter->word, __ATOMIC_ACQUIRE) &&
            api_leave() == ETIMEDOUT)
            error = ETIMEDOUT;
    }
    pthread_cleanup_pop(0);
}

int api_wait(struct list *waiters, pthread_mutex_t *lock, struct api_waiter *waiter,
             uint64_t deadline_ns)
{
    struct wait wait = { waiter, lock };
    if (!deadline_ns)
        return ETIMEDOUT;
    waiter->word = 0;
    waiter->result = 0;
    list_push(waiters, &waiter->link);
    pthread_mutex_unlock(lock);
    sleep_until_woken(&wait, deadline_ns);
    pthread_mutex_lock(lock);
    if (waiter->word)
        return waiter->result;
    list_remove(&waiter->link);
    return ETIMEDOUT;
}

void api_wake(struct api_waiter *waiter, int result, enum api_place place)
{
    uint32_t *word = &waiter->word;
    list_remove(&waiter->link);
    waiter->result = result;
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
    api_unpark(word, place == API_FIRST);
}

size_t api_wake_all(struct list *waiters, int result)
{
    size_t count = 0;
    struct api_waiter *waiter;
    while ((waiter = api_first(waiters))) {
        api_wake(waiter, result, API_LAST);
        count++;
    }
    return count;
}

void api_yield(void)
{
    sched_yield();
}
