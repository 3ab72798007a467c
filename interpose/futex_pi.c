/* Priority-inheritance futexes. Coroutines of one carrier have nothing to inherit: such a lock is one
 * whose word names its owner, with the kernel's protocol (futex(2)).
 *
 * Those of this process are handed over: an unlock makes the first waiter the owner before it runs,
 * as the kernel does, so that nobody comes in between.
 *
 * Those that other processes may meet can't be the kernel's: it looks the owner's tid up, knows none
 * of ours, and would answer ESRCH. So those who wait sleep on the word as on a plain futex. All
 * processes that share such a lock must be under us, with threads or forked from one that has some
 * (such a child is dormant, but its calls pass here): the kernel refuses to mix both ways of waiting on
 * one word. FUTEX_WAITERS stays set from the first waiter on until a release finds
 * nobody to wake. So each release in between passes here and wakes one more, even when the one
 * before died on its way. */
#include "interpose/process.h"

#include <linux/futex.h>

static int pi_deadline(int operation, const struct __kernel_timespec *timeout, uint64_t *deadline)
{
    struct __kernel_timespec until;
    *deadline = DEADLINE_NEVER;
    if (!timeout)
        return 0;
    if (user_copy(&until, timeout, sizeof(until)) != 0)
        return -EFAULT;
    if (!timespec_valid(&until))
        return -EINVAL;
    bool monotonic =
        (operation & FUTEX_CMD_MASK) == FUTEX_LOCK_PI2 && !(operation & FUTEX_CLOCK_REALTIME);
    *deadline = clock_to_deadline(&runtime.clock, monotonic ? CLOCK_MONOTONIC : CLOCK_REALTIME,
                                  timespec_ns(&until));
    return 0;
}

static uint32_t waiters_bit(uint32_t *word)
{
    return futex_has_waiters(word) ? FUTEX_WAITERS : 0;
}

static int wait_for_owner(uint32_t *word, uint32_t owner, uint64_t deadline)
{
    struct co *co = this_co();
    uint32_t value = __atomic_or_fetch(word, FUTEX_WAITERS, __ATOMIC_SEQ_CST);
    co_waits(co, (struct co_wait){
                     .kind = WAIT_MUTEX, .fd = -1, .tid = owner, .addr = (uintptr_t)word });
    co->pi_word = word;
    runtime.pi_waiters++;
    int result = op_futex_park(word, value, FUTEX_ANY, deadline);
    runtime.pi_waiters--;
    co->pi_word = NULL;
    return result;
}

static long lock_here(uint32_t *word, int operation, const struct __kernel_timespec *timeout)
{
    struct co *co = this_co();
    bool try_only = (operation & FUTEX_CMD_MASK) == FUTEX_TRYLOCK_PI;
    uint64_t deadline;
    int error = pi_deadline(operation, try_only ? NULL : timeout, &deadline);
    if (error)
        return error;
    if (user_touch(word) != 0)
        return -EFAULT;
    for (;;) {
        uint32_t value = __atomic_load_n(word, __ATOMIC_SEQ_CST);
        uint32_t owner = value & FUTEX_TID_MASK;
        if (owner == co->tid)
            return -EDEADLK;
        if (!owner) {
            *word = co->tid | waiters_bit(word) | (value & FUTEX_OWNER_DIED);
            return 0;
        }
        if (try_only)
            return -EAGAIN;
        if (!co_by_tid(owner))
            return -ESRCH;
        int result = wait_for_owner(word, owner, deadline);
        if (!result && (__atomic_load_n(word, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) == co->tid)
            return 0;
        if (result && result != -EAGAIN) /* glibc takes EINTR for success */
            return result == -ERESTARTSYS ? -ERESTARTNOINTR : result;
    }
}

static void hand_over(uint32_t *word, uint32_t died)
{
    struct co *next = futex_wake_next(word);
    __atomic_store_n(word, next ? next->tid | waiters_bit(word) | died : died, __ATOMIC_SEQ_CST);
}

static long unlock_here(uint32_t *word)
{
    uint32_t value = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    if ((value & FUTEX_TID_MASK) != this_co()->tid)
        return -EPERM;
    hand_over(word, 0);
    return 0;
}

long op_futex_pi(uint32_t *word, int operation, const struct __kernel_timespec *timeout)
{
    if ((operation & FUTEX_CMD_MASK) == FUTEX_UNLOCK_PI)
        return unlock_here(word);
    return lock_here(word, operation, timeout);
}

/* As the kernel tells it: who has been moved to the lock can't wait for the condition once more. */
static long ended(const struct co *co, int result, const uint32_t *lock)
{
    bool moved = co->wait.addr == (uintptr_t)lock;
    if (result == -ERESTARTSYS)
        return moved ? -EAGAIN : -ERESTARTNOINTR;
    return result;
}

/* What CMP_REQUEUE_PI has moved to @lock, an unlock of that makes its owner. */
long op_futex_wait_requeue_pi(uint32_t *word, int operation, uint32_t expected,
                              const struct __kernel_timespec *timeout, uint32_t *lock)
{
    struct co *co = this_co();
    struct __kernel_timespec until;
    uint64_t deadline = DEADLINE_NEVER;
    uint32_t present;
    if (word == lock || user_copy(&present, lock, sizeof(present)) != 0)
        return word == lock ? -EINVAL : -EFAULT;
    if (timeout && user_copy(&until, timeout, sizeof(until)) != 0)
        return -EFAULT;
    if (timeout && !timespec_valid(&until))
        return -EINVAL;
    if (timeout)
        deadline = clock_to_deadline(
            &runtime.clock, operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC,
            timespec_ns(&until));
    co_waits(co, (struct co_wait){ .kind = WAIT_FUTEX, .fd = -1, .addr = (uintptr_t)word });
    co->pi_word = lock;
    runtime.pi_waiters++;
    int result = op_futex_park(word, expected, FUTEX_ANY, deadline);
    runtime.pi_waiters--;
    co->pi_word = NULL;
    if (result)
        return ended(co, result, lock);
    return (__atomic_load_n(lock, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) == co->tid ? 0 : -EAGAIN;
}

/* The first waiter of @word gets @lock if it is free, up to @move others wait for it from now on. */
long op_futex_cmp_requeue_pi(uint32_t *word, int wake, int move, uint32_t *lock, uint32_t expected)
{
    uint32_t value;
    if (wake != 1 || word == lock)
        return -EINVAL;
    if (move < 0 || user_copy(&value, lock, sizeof(value)) != 0)
        return move < 0 ? -EINVAL : -EFAULT;
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected)
        return -EAGAIN;
    struct co *first = futex_first(word);
    uint32_t owner = value & FUTEX_TID_MASK;
    if (!first)
        return 0;
    if (first->pi_word != lock)
        return -EINVAL;
    if (owner && owner == first->tid)
        return -EDEADLK;
    if (!owner) {
        futex_wake_next(word);
        __atomic_store_n(lock, first->tid | waiters_bit(lock) | (value & FUTEX_OWNER_DIED),
                         __ATOMIC_SEQ_CST);
    } else if (move < INT32_MAX) {
        move += wake; /* the one that would have got the lock waits for it like the others */
    }
    int moved = futex_requeue_to_lock(word, lock, move);
    if (futex_has_waiters(lock))
        __atomic_fetch_or(lock, FUTEX_WAITERS, __ATOMIC_SEQ_CST);
    return moved < 0 ? moved : moved + !owner;
}

void futex_pi_owner_died(uint32_t tid)
{
    struct list *node, *after;
    if (likely(!runtime.pi_waiters))
        return;
    list_for_each (node, after, &runtime.all) {
        uint32_t *word = container_of(node, struct co, all)->pi_word, value;
        if (word && user_copy(&value, word, sizeof(value)) == 0 && (value & FUTEX_TID_MASK) == tid)
            hand_over(word, FUTEX_OWNER_DIED);
    }
}

static bool change(uint32_t *word, uint32_t *from, uint32_t to)
{
    return __atomic_compare_exchange_n(word, from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* A shared lock's caller: a thread of ours, or the only one of a process that was forked from us and has
 * made none yet. */
static bool is_dormant(void)
{
    return runtime.mode != MODE_ACTIVE;
}

static uint32_t caller_tid(void)
{
    return is_dormant() ? (uint32_t)sys0(__NR_gettid) : this_co()->tid;
}

#define LOOK_AGAIN_NS (100 * 1000000UL)

/* Sleeps while the word is @value, or a while: of an owner that has a tid of the kernel's, the kernel
 * marks the lock when it dies, and wakes nobody. The deadline is absolute, on the clock that the call
 * implies. */
static long sleep_on(uint32_t *word, int operation, uint32_t value,
                     const struct __kernel_timespec *timeout)
{
    bool monotonic =
        (operation & FUTEX_CMD_MASK) == FUTEX_LOCK_PI2 && !(operation & FUTEX_CLOCK_REALTIME);
    int clock = monotonic ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    int wait = FUTEX_WAIT_BITSET | (monotonic ? 0 : FUTEX_CLOCK_REALTIME);
    struct __kernel_timespec until = { 0 }, soon;
    if (timeout && user_copy(&until, timeout, sizeof(until)) != 0)
        return -EFAULT;
    if (timeout && !timespec_valid(&until))
        return -EINVAL;
    sys2(__NR_clock_gettime, clock, &soon);
    uint64_t look_ns = timespec_ns(&soon) + LOOK_AGAIN_NS;
    bool looks =
        (value & FUTEX_TID_MASK) < TID_LOWEST && (!timeout || look_ns < timespec_ns(&until));
    soon = ns_timespec(look_ns);
    const long call[6] = { (long)word, wait,
                           value,      looks ? (long)&soon : timeout ? (long)&until : 0,
                           0,          (long)FUTEX_BITSET_MATCH_ANY };
    long result = is_dormant()
                      ? sys6(__NR_futex, call[0], call[1], call[2], call[3], call[4], call[5])
                      : op_offload_call(__NR_futex, call);
    return looks && result == -ETIMEDOUT ? -EAGAIN : result;
}

static long lock_shared(uint32_t *word, int operation, const struct __kernel_timespec *timeout)
{
    uint32_t value = __atomic_load_n(word, __ATOMIC_SEQ_CST), own = caller_tid();
    for (;;) {
        if ((value & FUTEX_TID_MASK) == own)
            return -EDEADLK;
        if (!(value & FUTEX_TID_MASK)) {
            if (change(word, &value, value | own))
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
    uint32_t value = __atomic_load_n(word, __ATOMIC_SEQ_CST), own = caller_tid();
    do {
        if ((value & FUTEX_TID_MASK) != own)
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

bool futex_pi_dormant_call(struct gate_frame *f)
{
    int operation = (int)f->rsi, command = operation & FUTEX_CMD_MASK;
    uint32_t *word = (uint32_t *)f->rdi;
    if (f->rax != __NR_futex || operation & FUTEX_PRIVATE_FLAG || (uintptr_t)word % sizeof(*word) ||
        (operation & FUTEX_CLOCK_REALTIME && command != FUTEX_LOCK_PI2))
        return false;
    if (command != FUTEX_LOCK_PI && command != FUTEX_LOCK_PI2 && command != FUTEX_TRYLOCK_PI &&
        command != FUTEX_UNLOCK_PI)
        return false;
    f->rax =
        (uint64_t)op_futex_pi_shared(word, operation, (const struct __kernel_timespec *)f->r10);
    return true;
}
