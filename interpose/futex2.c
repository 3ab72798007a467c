/* futex_wake(2), futex_wait(2) and futex_requeue(2): the commands of futex(2) with flags and bits in
 * words of their own, on the same words. Both ways meet, as in the kernel.
 *
 * Words with FUTEX2_NUMA or FUTEX2_MPOL are the kernel's: it has a table for each node, where only calls
 * with such flags look. */
#include "interpose/op.h"

#include <linux/futex.h>
#include <linux/time.h>

#define SIZE_MASK 0x03U
#define NUMA      0x04U
#define MPOL      0x08U

static bool flags_valid(unsigned flags)
{
    return !(flags & ~(SIZE_MASK | NUMA | MPOL | FUTEX_PRIVATE_FLAG)) &&
           (flags & SIZE_MASK) == FUTEX_32;
}

static bool is_of_node(unsigned flags)
{
    return flags & (NUMA | MPOL);
}

static int old_command(int command, unsigned flags)
{
    return command | (int)(flags & FUTEX_PRIVATE_FLAG);
}

long op_futex_wake(uint32_t *word, unsigned long bits, int count, unsigned flags)
{
    if (!flags_valid(flags) || bits > UINT32_MAX)
        return -EINVAL;
    if (is_of_node(flags))
        return sys4(__NR_futex_wake, word, bits, count, flags);
    if (!count && bits) /* where the old command wakes one: a requeue of nobody checks the word */
        return op_futex(word, old_command(FUTEX_REQUEUE, flags), 0, NULL, word, 0);
    return op_futex(word, old_command(FUTEX_WAKE_BITSET, flags), (uint32_t)count, NULL, NULL,
                    (uint32_t)bits);
}

/* A handler that interrupts it with SA_RESTART restarts it also when it has a timeout, which is an
 * absolute time. */
long op_futex_wait(uint32_t *word, unsigned long expected, unsigned long bits, unsigned flags,
                   const struct __kernel_timespec *timeout, int clock)
{
    if (!flags_valid(flags) || expected > UINT32_MAX || bits > UINT32_MAX)
        return -EINVAL;
    if (timeout && clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return -EINVAL;
    int command = old_command(FUTEX_WAIT_BITSET, flags);
    if (timeout && clock == CLOCK_REALTIME)
        command |= FUTEX_CLOCK_REALTIME;
    long result = is_of_node(flags)
                      ? op_offload(__NR_futex_wait, (long)word, (long)expected, (long)bits, flags,
                                   (long)timeout, clock)
                      : op_futex(word, command, (uint32_t)expected, timeout, NULL, (uint32_t)bits);
    return result == -ERESTARTNOHAND ? -ERESTARTSYS : result;
}

long op_futex_requeue(void *words, unsigned flags, int wake, int move)
{
    struct futex_waitv of[2];
    if (flags || !words)
        return -EINVAL;
    if (user_copy(of, words, sizeof(of)) != 0)
        return -EFAULT;
    for (unsigned i = 0; i < ARRAY_SIZE(of); i++) {
        if (!flags_valid(of[i].flags) || of[i].__reserved || of[i].val > UINT32_MAX)
            return -EINVAL;
    }
    if (of[0].flags != of[1].flags)
        return -EINVAL;
    if (is_of_node(of[0].flags))
        return sys4(__NR_futex_requeue, words, flags, wake, move);
    return op_futex((uint32_t *)of[0].uaddr, old_command(FUTEX_CMP_REQUEUE, of[0].flags),
                    (uint32_t)wake, (const struct __kernel_timespec *)(long)move,
                    (uint32_t *)of[1].uaddr, (uint32_t)of[0].val);
}
