/* futex(2): which futexes are ours, and the operation codes.
 *
 * A private futex is ours. A shared one is ours when its memory is known to be this process's
 * alone (thread stacks, the heap, objects' data, private mappings); otherwise other processes may meet it, and it
 * stays the kernel's: waiting is offloaded, waking passes. The decision depends on the address
 * alone, so a waiter and its waker always agree. */
#include "interpose/op.h"

#include <linux/futex.h>
#include <linux/time.h>

#include "runtime/stack.h"

static bool is_ours(uint32_t *word, int operation)
{
    return operation & FUTEX_PRIVATE_FLAG || memory_is_private((uintptr_t)word);
}

/* The deadline of a wait: FUTEX_WAIT's is relative, the others' absolute on the chosen clock. */
static int wait_deadline(int operation, const struct __kernel_timespec *timeout,
                         uint64_t *deadline_ns)
{
    if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT || !timeout)
        return op_deadline(timeout, deadline_ns);
    struct __kernel_timespec time;
    if (user_copy(&time, timeout, sizeof(time)) != 0)
        return -EFAULT;
    if (!timespec_valid(&time))
        return -EINVAL;
    int clock = operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    *deadline_ns = clock_to_deadline(&runtime.clock, clock, timespec_ns(&time));
    return 0;
}

/* The thread that holds the lock around @word, when the word is a lock's: glibc keeps the owner's
 * tid two words on (struct __pthread_mutex_s). */
static uint32_t owner_of(const struct co *co, const uint32_t *word)
{
    return co->hint_kind == WAIT_MUTEX ? word[2] : 0;
}

static long wait_here(uint32_t *word, int operation, uint32_t expected,
                      const struct __kernel_timespec *timeout, uint32_t bits)
{
    struct co *co = this_co();
    uint64_t deadline;
    int error = wait_deadline(operation, timeout, &deadline);
    if (error)
        return error;
    if (!bits)
        return -EINVAL;
    struct co_wait wait = { .kind = WAIT_FUTEX, .fd = -1, .addr = (uintptr_t)word };
    if (co->hint_kind != WAIT_NONE) {
        wait.kind = co->hint_kind;
        wait.tid = co->hint_kind == WAIT_JOIN ? expected : owner_of(co, word);
        wait.addr = co->hint_addr;
    }
    co_waits(co, wait);
    int result = op_futex_park(word, expected, bits, deadline);
    /* As in the kernel, which leaves any timed wait to a restart block: a handler ends it. */
    return result == -ERESTARTSYS && timeout ? -ERESTARTNOHAND : result;
}

#define LOOKS_NS      (1000 * 1000000UL)
#define LOOK_FIRST_NS (1 * 1000000UL)
#define LOOK_LAST_NS  (100 * 1000000UL)

/* Without a kernel thread that could wait for it: looks at the word from time to time. A wake that leaves
 * the word as it was is not seen, so in the end the caller is told to look itself, as any wait may. */
static long wait_looking(const uint32_t *word, int operation, uint32_t value,
                         const struct __kernel_timespec *timeout)
{
    uint64_t deadline, pause = LOOK_FIRST_NS, now = clock_now(&runtime.clock);
    uint64_t last = deadline_after(now, LOOKS_NS);
    uint32_t present;
    int error = wait_deadline(operation, timeout, &deadline);
    if (error)
        return error;
    co_waits(this_co(), (struct co_wait){ .kind = WAIT_FUTEX, .fd = -1, .addr = (uintptr_t)word });
    while (user_copy(&present, word, sizeof(present)) == 0 && present == value && now < last) {
        uint64_t next = deadline_after(now, pause);
        int result = op_park(next < deadline ? next : deadline);
        if (result != -ETIMEDOUT)
            return result;
        now = clock_now(&runtime.clock);
        if (now >= deadline)
            return -ETIMEDOUT;
        pause = pause < LOOK_LAST_NS ? 2 * pause : pause;
    }
    return 0;
}

static long in_kernel(uint32_t *word, int operation, uint32_t value,
                      const struct __kernel_timespec *timeout, uint32_t *word2, uint32_t value3)
{
    int command = operation & FUTEX_CMD_MASK;
    if (command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2 || command == FUTEX_TRYLOCK_PI ||
        command == FUTEX_UNLOCK_PI)
        return op_futex_pi_shared(word, operation, timeout);
    if (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) {
        if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != value)
            return -EAGAIN;
        long result = op_offload_try(
            __NR_futex, (const long[6]){ (long)word, operation, value, (long)timeout, 0, value3 });
        return result == -EBUSY ? wait_looking(word, operation, value, timeout) : result;
    }
    return sys6(__NR_futex, word, operation, value, timeout, word2, value3);
}

/* A process that shares our memory, and isn't ours, waits in the kernel: so do we for it. */
static bool waits_with_guests(int operation)
{
    int command = operation & FUTEX_CMD_MASK;
    return unlikely(runtime.guests & GUESTS_STAY) &&
           (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET);
}

static long wake_here(uint32_t *word, int operation, int count, uint32_t bits)
{
    long woken = futex_wake(word, count, bits);
    futex_give_way();
    if (likely(!runtime.guests) || woken < 0 || woken >= count)
        return woken;
    long others = sys6(__NR_futex, word, operation, count - woken, NULL, NULL, bits);
    return others > 0 ? woken + others : woken;
}

static bool takes_a_clock(int command)
{
    return command == FUTEX_WAIT_BITSET || command == FUTEX_WAIT_REQUEUE_PI ||
           command == FUTEX_LOCK_PI2;
}

static bool has_second_word(int command)
{
    return command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE || command == FUTEX_WAKE_OP ||
           command == FUTEX_WAIT_REQUEUE_PI || command == FUTEX_CMP_REQUEUE_PI;
}

static bool reads_word(int command)
{
    return command != FUTEX_WAKE && command != FUTEX_WAKE_BITSET && command != FUTEX_REQUEUE &&
           command != FUTEX_WAKE_OP;
}

/* A private word is known by its address: only who reads it finds out whether it is there. Of a shared
 * one the kernel looks the memory up. */
static int check_word(const uint32_t *word, bool look)
{
    uint32_t present;
    if ((uintptr_t)word % sizeof(*word))
        return -EINVAL;
    if ((uintptr_t)word > USER_TOP)
        return -EFAULT;
    return look && user_copy(&present, word, sizeof(present)) != 0 ? -EFAULT : 0;
}

static int check_call(const uint32_t *word, int operation, const uint32_t *word2)
{
    int command = operation & FUTEX_CMD_MASK;
    bool shared = !(operation & FUTEX_PRIVATE_FLAG);
    if (operation & FUTEX_CLOCK_REALTIME && !takes_a_clock(command))
        return -ENOSYS;
    if (command == FUTEX_FD || command < 0 || command > FUTEX_LOCK_PI2)
        return -ENOSYS;
    int error = check_word(word, shared || reads_word(command));
    return error || !has_second_word(command) ? error : check_word(word2, shared);
}

long op_futex(uint32_t *word, int operation, uint32_t value,
              const struct __kernel_timespec *timeout, uint32_t *word2, uint32_t value3)
{
    int count = (int)value, count2 = (int)(long)timeout; /* the kernel overloads the fourth word */
    int error = check_call(word, operation, word2);
    if (unlikely(error))
        return error;
    if (!is_ours(word, operation) || waits_with_guests(operation))
        return in_kernel(word, operation, value, timeout, word2, value3);
    switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
        return wait_here(word, operation, value, timeout, FUTEX_ANY);
    case FUTEX_WAIT_BITSET:
        return wait_here(word, operation, value, timeout, value3);
    case FUTEX_WAKE:
        return wake_here(word, operation, count, FUTEX_ANY);
    case FUTEX_WAKE_BITSET:
        return value3 ? wake_here(word, operation, count, value3) : -EINVAL;
    case FUTEX_REQUEUE:
        return futex_requeue(word, count, word2, count2, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(word, count, word2, count2, &value3);
    case FUTEX_WAKE_OP:
        return user_touch(word2) ? -EFAULT : futex_wake_op(word, count, word2, count2, value3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_TRYLOCK_PI:
    case FUTEX_UNLOCK_PI:
        return op_futex_pi(word, operation, timeout);
    case FUTEX_WAIT_REQUEUE_PI:
        return op_futex_wait_requeue_pi(word, operation, value, timeout, word2);
    case FUTEX_CMP_REQUEUE_PI:
        return op_futex_cmp_requeue_pi(word, count, count2, word2, value3);
    default:
        return -ENOSYS;
    }
}

#define WAITV_MAX 128 /* FUTEX_WAITV_MAX */

static long waitv_here(const struct futex_waitv *in, unsigned count, uint64_t deadline)
{
    struct futex_any *words = pages_map(count * sizeof(*words));
    if (!words)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        words[i].word = (uint32_t *)in[i].uaddr;
        words[i].expected = (uint32_t)in[i].val;
    }
    struct co *co = this_co();
    co_waits(co,
             (struct co_wait){ .kind = WAIT_FUTEX, .fd = -1, .count = count, .addr = in[0].uaddr });
    long result = -ERESTARTSYS;
    if (!signal_deliverable(co)) {
        co->interruptible = true;
        result = futex_wait_any(words, count, deadline);
        co->interruptible = false;
    }
    pages_unmap(words, count * sizeof(*words));
    return result;
}

/* futex_waitv(2): private words are ours; a set with a shared one is the kernel's. */
long op_futex_waitv(void *waiters, unsigned count, unsigned flags,
                    const struct __kernel_timespec *timeout, int clock)
{
    const struct futex_waitv *in = waiters;
    uint64_t deadline = DEADLINE_NEVER;
    struct __kernel_timespec until;
    bool ours = true;
    if (flags || !count || count > WAITV_MAX || !in)
        return -EINVAL;
    for (unsigned i = 0; i < count; i++) {
        uint32_t present;
        if (in[i].flags & ~(FUTEX_32 | FUTEX_PRIVATE_FLAG) || !(in[i].flags & FUTEX_32) ||
            in[i].__reserved || in[i].uaddr % sizeof(present))
            return -EINVAL;
        if (user_copy(&present, (const void *)in[i].uaddr, sizeof(present)) != 0)
            return -EFAULT;
        ours &= is_ours((uint32_t *)in[i].uaddr, (int)in[i].flags);
    }
    if (!ours)
        return op_offload(__NR_futex_waitv, (long)waiters, count, flags, (long)timeout, clock, 0);
    if (timeout && user_copy(&until, timeout, sizeof(until)) != 0)
        return -EFAULT;
    if (timeout &&
        (!timespec_valid(&until) || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)))
        return -EINVAL;
    if (timeout)
        deadline = clock_to_deadline(&runtime.clock, clock, timespec_ns(&until));
    return waitv_here(in, count, deadline);
}
