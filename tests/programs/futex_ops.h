/* Every futex operation a program may use, with its results and errors. The including file defines
 * futex(), which returns as syscall() does: -1 and errno. */
#ifndef TESTS_PROGRAMS_FUTEX_OPS_H
#define TESTS_PROGRAMS_FUTEX_OPS_H

#include "test.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#define WAITERS 10

static long futex(uint32_t *word, int op, uint32_t value, const void *time_or_value2,
                  uint32_t *word2, uint32_t value3);

static uint32_t first, second;
static int private_flag, woken;

static uintptr_t as_pointer(unsigned value)
{
    return value;
}

static void *waits(void *arg)
{
    CHECK_EQ(futex(&first, FUTEX_WAIT | private_flag, 0, NULL, NULL, 0), 0);
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    return arg;
}

static void *waits_for_bit(void *arg)
{
    uint32_t mask = 1u << (long)arg;
    CHECK_EQ(futex(&first, FUTEX_WAIT_BITSET | private_flag, 0, NULL, NULL, mask), 0);
    return arg;
}

static void start_waiters(pthread_t *threads, void *(*run)(void *))
{
    woken = 0;
    for (long i = 0; i < WAITERS; i++)
        threads[i] = start(run, (void *)i);
}

static void join_waiters(pthread_t *threads)
{
    for (int i = 0; i < WAITERS; i++)
        join(threads[i]);
}

/* Wakes by @op until @wanted waiters were woken: they may not wait yet. */
static void wake_until(uint32_t *word, int wanted)
{
    for (int done = 0; done < wanted; usleep(100)) {
        long got = futex(word, FUTEX_WAKE | private_flag, 1, NULL, NULL, 0);
        CHECK(got == 0 || got == 1);
        done += (int)got;
    }
}

static void wake(void)
{
    pthread_t threads[WAITERS];
    start_waiters(threads, waits);
    wake_until(&first, WAITERS);
    join_waiters(threads);
    CHECK_EQ(futex(&first, FUTEX_WAKE | private_flag, INT_MAX, NULL, NULL, 0), 0);
    start_waiters(threads, waits);
    for (long done = 0; done < WAITERS; usleep(100))
        done += futex(&first, FUTEX_WAKE | private_flag, INT_MAX, NULL, NULL, 0);
    join_waiters(threads);
    printf("woken %d\n", woken);
}

static void bits(void)
{
    pthread_t threads[WAITERS];
    start_waiters(threads, waits_for_bit);
    for (int i = WAITERS - 1; i >= 0; i--) {
        CHECK_EQ(futex(&first, FUTEX_WAKE_BITSET | private_flag, INT_MAX, NULL, NULL, 1u << 31), 0);
        while (futex(&first, FUTEX_WAKE_BITSET | private_flag, INT_MAX, NULL, NULL, 1u << i) == 0)
            usleep(100);
        CHECK_EQ((long)join(threads[i]), i);
    }
    CHECK_EQ(futex(&first, FUTEX_WAKE_BITSET | private_flag, 1, NULL, NULL, 0), -1);
    CHECK_EQ(errno, EINVAL);
    puts("each by its bit");
}

static void requeue(void)
{
    pthread_t threads[WAITERS];
    long moved = 0;
    start_waiters(threads, waits);
    CHECK_EQ(futex(&first, FUTEX_CMP_REQUEUE | private_flag, 0, (void *)as_pointer(INT_MAX),
                   &second, 77),
             -1);
    CHECK_EQ(errno, EAGAIN);
    for (; moved < WAITERS / 2; usleep(100))
        moved +=
            futex(&first, FUTEX_CMP_REQUEUE | private_flag, 0, (void *)as_pointer(1), &second, 0);
    for (; moved < WAITERS; usleep(100))
        moved += futex(&first, FUTEX_REQUEUE | private_flag, 0, (void *)as_pointer(1), &second, 0);
    CHECK_EQ(futex(&first, FUTEX_WAKE | private_flag, INT_MAX, NULL, NULL, 0), 0);
    CHECK_EQ(__atomic_load_n(&woken, __ATOMIC_SEQ_CST), 0);
    CHECK_EQ(futex(&second, FUTEX_WAKE | private_flag, 3, NULL, NULL, 0), 3);
    CHECK_EQ(futex(&second, FUTEX_REQUEUE | private_flag, 2, (void *)as_pointer(1), &first, 0), 3);
    CHECK_EQ(futex(&first, FUTEX_WAKE | private_flag, INT_MAX, NULL, NULL, 0), 1);
    CHECK_EQ(futex(&second, FUTEX_WAKE | private_flag, INT_MAX, NULL, NULL, 0), WAITERS - 6);
    join_waiters(threads);
    printf("moved %ld, woken %d\n", moved, woken);
}

static void wake_op(void)
{
    pthread_t threads[WAITERS];
    uint32_t op = FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 7);
    start_waiters(threads, waits);
    second = 7;
    /* Adds 5, and as the old value was 7 wakes one of the second word too: nobody is there. */
    CHECK_EQ(futex(&second, FUTEX_WAKE_OP | private_flag, 1, (void *)as_pointer(1), &second, op),
             0);
    CHECK_EQ(second, 12);
    op = FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_GT, 100);
    CHECK_EQ(futex(&second, FUTEX_WAKE_OP | private_flag, 1, (void *)as_pointer(INT_MAX), &first,
                   FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_NE, 0)),
             0);
    for (long done = 0; done < WAITERS; usleep(100))
        done += futex(&first, FUTEX_WAKE_OP | private_flag, 1, (void *)as_pointer(INT_MAX), &second,
                      op);
    CHECK_EQ(second, 1);
    join_waiters(threads);
    second = 0;
    printf("woken by an operation: %d\n", woken);
}

static void timeouts(void)
{
    struct timespec span = span_ms(30), bad = { 0, 1000000000 }, then;
    int64_t begin = now_ms();
    CHECK_EQ(futex(&first, FUTEX_WAIT | private_flag, 0, &span, NULL, 0), -1);
    CHECK_EQ(errno, ETIMEDOUT);
    CHECK(now_ms() - begin >= 29);
    begin = now_ms();
    then = in_ms(CLOCK_MONOTONIC, 30);
    CHECK_EQ(futex(&first, FUTEX_WAIT_BITSET | private_flag, 0, &then, NULL, ~0u), -1);
    CHECK_EQ(errno, ETIMEDOUT);
    CHECK(now_ms() - begin >= 29);
    begin = now_ms();
    then = in_ms(CLOCK_REALTIME, 30);
    CHECK_EQ(
        futex(&first, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | private_flag, 0, &then, NULL, ~0u),
        -1);
    CHECK_EQ(errno, ETIMEDOUT);
    CHECK(now_ms() - begin >= 28);
    CHECK_EQ(futex(&first, FUTEX_WAIT | private_flag, 5, &span, NULL, 0), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(futex(&first, FUTEX_WAIT | private_flag, 0, &bad, NULL, 0), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(futex(&first, FUTEX_WAIT_BITSET | private_flag, 0, &span, NULL, 0), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(futex((uint32_t *)((char *)&first + 1), FUTEX_WAIT | private_flag, 0, &span, NULL, 0),
             -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(futex((uint32_t *)as_pointer(64), FUTEX_WAIT | private_flag, 0, &span, NULL, 0), -1);
    CHECK_EQ(errno, EFAULT);
    CHECK_EQ(futex(&first, 99, 0, NULL, NULL, 0), -1);
    CHECK_EQ(errno, ENOSYS);
    puts("time-outs and errors");
}

static void *all(void *arg)
{
    wake();
    bits();
    requeue();
    wake_op();
    timeouts();
    return arg;
}

int main(void)
{
    private_flag = FUTEX_PRIVATE_FLAG;
    puts("private");
    all(NULL);
    join(start(all, NULL));
    private_flag = 0;
    puts("shared");
    join(start(all, NULL));
    return 0;
}

#endif
