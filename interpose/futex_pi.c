/* Priority-inheritance futexes that other processes may meet.
 *
 * Their word names its owner by tid, and the kernel looks that tid up: it knows none of ours, so
 * FUTEX_LOCK_PI would answer ESRCH. With coroutines there is nothing to inherit either. So the word
 * keeps the kernel's protocol (futex(2)), and those who wait sleep on it as on a plain futex. All
 * processes that share such a lock must be under us, with threads: the kernel refuses to mix both
 * ways of waiting on one word.
 *
 * FUTEX_WAITERS stays set from the first waiter on until a release finds nobody to wake. So each
 * release in between passes here and wakes one more, even when the one before died on its way. */
#include "interpose/op.h"

#include <linux/futex.h>

static bool change(uint32_t *word, uint32_t *from, uint32_t to)
{
    return __atomic_compare_exchange_n(word, from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Sleeps while the word is @value. The deadline is absolute, on the clock that the call implies. */
static long sleep_on(uint32_t *word, int operation, uint32_t value,
                     const struct __kernel_timespec *timeout)
{
    bool monotonic =
        (operation & FUTEX_CMD_MASK) == FUTEX_LOCK_PI2 && !(operation & FUTEX_CLOCK_REALTIME);
    int wait = FUTEX_WAIT_BITSET | (monotonic ? 0 : FUTEX_CLOCK_REALTIME);
    return op_offload(__NR_futex, (long)word, wait, value, (long)timeout, 0,
                      (long)FUTEX_BITSET_MATCH_ANY);
}

static long lock_shared(uint32_t *word, int operation, const struct __kernel_timespec *timeout)
{
    struct co *co = this_co();
    uint32_t value = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    for (;;) {
        if ((value & FUTEX_TID_MASK) == co->tid)
            return -EDEADLK;
        if (!(value & FUTEX_TID_MASK)) {
            if (change(word, &value, value | co->tid))
                return 0;
            continue;
        }
        if ((operation & FUTEX_CMD_MASK) == FUTEX_TRYLOCK_PI)
            return -EAGAIN;
        if (!(value & FUTEX_WAITERS) && !change(word, &value, value | FUTEX_WAITERS))
            continue;
        long result = sleep_on(word, operation, value | FUTEX_WAITERS, timeout);
        if (result && result != -EAGAIN && result != -EINTR) /* glibc takes EINTR for success */
            return result == -ERESTARTSYS ? -ERESTARTNOINTR : result;
        value = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    }
}

static long unlock_shared(uint32_t *word)
{
    uint32_t value = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    do {
        if ((value & FUTEX_TID_MASK) != this_co()->tid)
            return -EPERM;
    } while (!change(word, &value, value & FUTEX_WAITERS));
    uint32_t nobody = FUTEX_WAITERS;
    if (value & FUTEX_WAITERS && sys3(__NR_futex, word, FUTEX_WAKE, 1) == 0)
        change(word, &nobody, 0);
    return 0;
}

long op_futex_pi_shared(uint32_t *word, int operation, const struct __kernel_timespec *timeout)
{
    if ((operation & FUTEX_CMD_MASK) == FUTEX_UNLOCK_PI)
        return unlock_shared(word);
    return lock_shared(word, operation, timeout);
}
