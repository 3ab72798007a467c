/* What futex refuses, and what it does not: addresses that are nowhere, words that are not aligned or
 * cannot be written, commands that take no clock. */
#include "test.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PRIVATE(command) ((command) | FUTEX_PRIVATE_FLAG)

static uint32_t word, other;
static uint32_t *nowhere, *constant;

static void show(const char *what, long result)
{
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : result ? "some" : "0");
}

#define SHOW(...) show(#__VA_ARGS__, syscall(SYS_futex, __VA_ARGS__))

static void places(void)
{
    uint32_t *odd = (uint32_t *)((char *)&word + 1), *kernels = (uint32_t *)-4096L;
    SHOW(nowhere, PRIVATE(FUTEX_WAKE), 1, NULL, NULL, 0);
    SHOW(nowhere, PRIVATE(FUTEX_WAKE_BITSET), 1, NULL, NULL, 1);
    SHOW(nowhere, PRIVATE(FUTEX_WAIT), 0, NULL, NULL, 0);
    SHOW(nowhere, PRIVATE(FUTEX_REQUEUE), 1, 1L, &word, 0);
    SHOW(&word, PRIVATE(FUTEX_REQUEUE), 1, 1L, nowhere, 0);
    SHOW(nowhere, PRIVATE(FUTEX_CMP_REQUEUE), 1, 1L, &word, 0);
    SHOW(nowhere, PRIVATE(FUTEX_WAKE_OP), 1, 1L, &word, 0);
    SHOW(&word, PRIVATE(FUTEX_WAKE_OP), 1, 1L, nowhere, 0);
    SHOW(&word, PRIVATE(FUTEX_WAKE_OP), 1, 1L, constant, 0);
    SHOW(nowhere, FUTEX_WAKE, 1, NULL, NULL, 0);
    SHOW(kernels, PRIVATE(FUTEX_WAKE), 1, NULL, NULL, 0);
    SHOW(NULL, PRIVATE(FUTEX_WAKE), 1, NULL, NULL, 0);
    SHOW(odd, PRIVATE(FUTEX_WAKE), 1, NULL, NULL, 0);
    SHOW(&word, PRIVATE(FUTEX_REQUEUE), 1, 1L, odd, 0);
    SHOW(&word, PRIVATE(FUTEX_WAKE_OP), 1, 1L, odd, 0);
    SHOW(odd, 99, 1, NULL, NULL, 0);
    SHOW(&word, FUTEX_FD, 1, NULL, NULL, 0);
    SHOW(nowhere, PRIVATE(FUTEX_LOCK_PI), 0, NULL, NULL, 0);
    SHOW(constant, PRIVATE(FUTEX_LOCK_PI), 0, NULL, NULL, 0);
    SHOW(constant, PRIVATE(FUTEX_TRYLOCK_PI), 0, NULL, NULL, 0);
    SHOW(constant, PRIVATE(FUTEX_UNLOCK_PI), 0, NULL, NULL, 0);
}

static void clocks(void)
{
    struct timespec past = { 0, 0 };
    for (int command = FUTEX_WAIT; command < FUTEX_LOCK_PI2; command++) {
        word = 5;
        printf("command %d, ", command);
        SHOW(&word, PRIVATE(command) | FUTEX_CLOCK_REALTIME, 1, &past, &other, 0);
        word = other = 0;
    }
}

static void *all(void *arg)
{
    places();
    clocks();
    return arg;
}

int main(void)
{
    nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(nowhere != MAP_FAILED && constant != MAP_FAILED);
    join(start(all, NULL));
    return 0;
}
