/* futex_waitv: a thread waits for any of several words. */
#include "test.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#define WORDS 8

static uint32_t words[WORDS];

static long waitv(const struct timespec *then)
{
    struct futex_waitv waits[WORDS];
    memset(waits, 0, sizeof(waits));
    for (int i = 0; i < WORDS; i++) {
        waits[i].uaddr = (uintptr_t)&words[i];
        waits[i].flags = FUTEX_32 | FUTEX_PRIVATE_FLAG;
    }
    return syscall(SYS_futex_waitv, waits, WORDS, 0, then, CLOCK_MONOTONIC);
}

static void *waits(void *arg)
{
    (void)arg;
    return (void *)waitv(NULL);
}

int main(void)
{
    struct timespec then = in_ms(CLOCK_MONOTONIC, 30);
    int64_t begin = now_ms();
    if (waitv(&then) == -1 && errno == ENOSYS) {
        puts("the kernel has no futex_waitv");
        return 77;
    }
    CHECK_EQ(errno, ETIMEDOUT);
    CHECK(now_ms() - begin >= 29);
    for (int i = 0; i < WORDS; i++) {
        pthread_t thread = start(waits, NULL);
        while (syscall(SYS_futex, &words[i], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0)
            usleep(100);
        printf("woken by word %ld\n", (long)join(thread));
    }
    words[3] = 1;
    CHECK_EQ(waitv(NULL), -1);
    CHECK_EQ(errno, EAGAIN);
    puts("a word that changed");
    return 0;
}
