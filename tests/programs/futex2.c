/* futex_wait, futex_wake and futex_requeue (Linux 6.7), among themselves and with futex's commands:
 * both ways meet on a word. */
#include "test.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define NR_WAKE    454
#define NR_WAIT    455
#define NR_REQUEUE 456
#define SIZE_U32   2U
#define ALL_BITS   0xffffffffUL
#define ROUNDS     20

static uint32_t *words;
static unsigned flags; /* of the present round */

static int old(int command)
{
    return command | (int)(flags & FUTEX_PRIVATE_FLAG);
}

static void *waits_new(void *arg)
{
    CHECK_EQ(syscall(NR_WAIT, &words[0], 0UL, ALL_BITS, flags, NULL, CLOCK_MONOTONIC), 0);
    return arg;
}

static void *waits_old(void *arg)
{
    CHECK_EQ(syscall(SYS_futex, &words[0], old(FUTEX_WAIT), 0, NULL, NULL, 0), 0);
    return arg;
}

static long wakes_new(uint32_t *word, int count)
{
    return syscall(NR_WAKE, word, ALL_BITS, count, flags);
}

static long wakes_old(uint32_t *word, int count)
{
    return syscall(SYS_futex, word, old(FUTEX_WAKE), count, NULL, NULL, 0);
}

static long requeues(int wake, int move)
{
    struct futex_waitv both[2] = { { .uaddr = (uintptr_t)&words[0], .flags = flags },
                                   { .uaddr = (uintptr_t)&words[1], .flags = flags } };
    return syscall(NR_REQUEUE, both, 0, wake, move);
}

static void meet(void *(*waits)(void *), long (*wakes)(uint32_t *, int))
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread = start(waits, NULL);
        CHECK_EQ(wakes_new(&words[0], 0), 0);
        while (wakes(&words[0], 1) == 0)
            usleep(100);
        join(thread);
    }
}

static void move(void)
{
    pthread_t threads[4];
    long moved = 0;
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(i % 2 ? waits_new : waits_old, NULL);
    for (; moved < COUNT(threads); usleep(100))
        moved += requeues(0, INT_MAX);
    CHECK_EQ(wakes_old(&words[0], INT_MAX), 0);
    CHECK_EQ(wakes_new(&words[1], 1), 1);
    CHECK_EQ(wakes_old(&words[1], INT_MAX), COUNT(threads) - 1);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    printf("moved %ld\n", moved);
}

static void *waits_for_bit(void *arg)
{
    CHECK_EQ(syscall(NR_WAIT, &words[0], 0UL, 4UL, flags, NULL, 0), 0);
    return arg;
}

static void bits(void)
{
    pthread_t thread = start(waits_for_bit, NULL);
    for (int i = 0; i < ROUNDS; i++)
        CHECK_EQ(syscall(NR_WAKE, &words[0], 3UL, INT_MAX, flags), 0);
    while (syscall(NR_WAKE, &words[0], 6UL, 1, flags) == 0)
        usleep(100);
    join(thread);
}

static void timeouts(void)
{
    for (int clock = CLOCK_REALTIME; clock <= CLOCK_MONOTONIC; clock++) {
        struct timespec then = in_ms(clock, 30);
        int64_t begin = now_ms();
        CHECK_EQ(syscall(NR_WAIT, &words[0], 0UL, ALL_BITS, flags, &then, clock), -1);
        CHECK_EQ(errno, ETIMEDOUT);
        CHECK(now_ms() - begin >= 28);
    }
    puts("time-outs");
}

static void show(const char *what, long result)
{
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : result ? "some" : "0");
}

#define SHOW(...) show(#__VA_ARGS__, syscall(__VA_ARGS__))

static void errors(void)
{
    uint32_t *word = &words[0], *odd = (uint32_t *)((char *)word + 1);
    struct timespec bad = { 0, 2000000000 }, past = { 0, 0 };
    struct futex_waitv both[2] = { { .uaddr = (uintptr_t)word, .flags = flags },
                                   { .uaddr = (uintptr_t)word, .flags = flags } };
    SHOW(NR_WAKE, word, 0UL, 1, flags);
    SHOW(NR_WAKE, word, ALL_BITS + 1, 1, flags);
    SHOW(NR_WAKE, word, 1UL, 1, flags & ~SIZE_U32);
    SHOW(NR_WAKE, word, 1UL, 1, flags | 1);
    SHOW(NR_WAKE, word, 1UL, 1, flags | 0x10);
    SHOW(NR_WAKE, odd, 1UL, 1, flags);
    SHOW(NR_WAKE, odd, 1UL, 0, flags);
    SHOW(NR_WAKE, NULL, 1UL, 1, flags);
    SHOW(NR_WAIT, word, 1UL, ALL_BITS, flags, NULL, 7);
    SHOW(NR_WAIT, word, 0UL, 0UL, flags, NULL, 0);
    SHOW(NR_WAIT, word, ALL_BITS + 1, 1UL, flags, NULL, 0);
    SHOW(NR_WAIT, word, 0UL, 1UL, flags, &bad, 1);
    SHOW(NR_WAIT, word, 0UL, 1UL, flags, &past, 7);
    SHOW(NR_WAIT, word, 0UL, 1UL, flags, 8L, 1);
    SHOW(NR_WAIT, NULL, 0UL, 1UL, flags, NULL, 1);
    SHOW(NR_REQUEUE, both, 1, 1, 1);
    SHOW(NR_REQUEUE, NULL, 0, 1, 1);
    SHOW(NR_REQUEUE, 8L, 0, 1, 1);
    SHOW(NR_REQUEUE, both, 0, -1, 1);
    SHOW(NR_REQUEUE, both, 0, 1, -1);
    both[1].flags ^= FUTEX_PRIVATE_FLAG;
    SHOW(NR_REQUEUE, both, 0, 1, 1);
    both[1].flags = flags;
    both[0].val = 1;
    SHOW(NR_REQUEUE, both, 0, 1, 1);
    both[0].val = 0;
    both[1].__reserved = 1;
    SHOW(NR_REQUEUE, both, 0, 1, 1);
}

static void *all(void *arg)
{
    meet(waits_new, wakes_new);
    meet(waits_new, wakes_old);
    meet(waits_old, wakes_new);
    puts("both ways meet");
    move();
    bits();
    timeouts();
    errors();
    return arg;
}

int main(void)
{
    static uint32_t own[2];
    words = own;
    flags = SIZE_U32;
    if (wakes_new(&words[0], 1) < 0 && errno == ENOSYS) {
        puts("the kernel has no futex_wake");
        return 77;
    }
    flags = SIZE_U32 | FUTEX_PRIVATE_FLAG;
    join(start(all, NULL));
    flags = SIZE_U32;
    join(start(all, NULL));
    words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(words != MAP_FAILED);
    join(start(all, NULL));
    return 0;
}
