/* One thread waits for signals that another process sends, while main computes and is interrupted by each. */
#include "test.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SIGNALS 1500

static atomic_int *received; /* shared: the sender waits for each */

static void *waits(void *set)
{
    for (int i = 0; i < SIGNALS; i++) {
        int number;
        CHECK_EQ(sigwait(set, &number), 0);
        CHECK_EQ(number, SIGRTMIN);
        ++*received;
    }
    return set;
}

static void send_all(void)
{
    const union sigval value = { 0 };
    for (int i = 0; i < SIGNALS; i++) {
        CHECK_EQ(sigqueue(getppid(), SIGRTMIN, value), 0);
        while (*received <= i)
            sched_yield();
    }
}

/* As many values as there are registers, of which none may change by itself. */
static void compute(void)
{
    unsigned long a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
    for (int i = 0; i < 1000; i++) {
        a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += 1;
        __asm__ volatile(""
                         : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g), "+r"(h));
    }
    static unsigned long expected;
    unsigned long sum = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
    if (!expected)
        expected = sum;
    CHECK(sum == expected);
}

int main(void)
{
    sigset_t set;
    int status;
    received =
        mmap(NULL, sizeof(*received), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(received != MAP_FAILED);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    pthread_t waiter = start(waits, &set);
    pid_t child = fork();
    if (child == 0) {
        send_all();
        _exit(0);
    }
    while (*received < SIGNALS)
        compute();
    join(waiter);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    printf("%d signals\n", SIGNALS);
    return 0;
}
