/* System calls made by code that the program generates at run time: they block, wake and fail as
 * libc's do, while other threads run. */
#include "test.h"

#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define ROUNDS 20

typedef long (*generated)(long a, long b, long c, long d, long e, long f, long nr);

/* mov %rcx,%r10; mov 8(%rsp),%rax; syscall; ret: the arguments stay where calls have them. */
static const unsigned char code[] = { 0x49, 0x89, 0xca, 0x48, 0x8b, 0x44,
                                      0x24, 0x08, 0x0f, 0x05, 0xc3 };
static generated call;
static int ends[2], back[2];
static atomic_int word, stop;
static atomic_long others;
static volatile sig_atomic_t handled;

static void on_signal(int number)
{
    handled += number == SIGUSR1;
}

static void *reads(void *arg)
{
    long sum = 0;
    char byte;
    (void)arg;
    while (call(ends[0], (long)&byte, 1, 0, 0, 0, SYS_read) == 1) {
        sum += byte;
        CHECK_EQ(call(back[1], (long)&byte, 1, 0, 0, 0, SYS_write), 1);
    }
    return (void *)sum;
}

static void *waits(void *arg)
{
    (void)arg;
    for (int turn = 1; turn < ROUNDS; turn += 2) {
        int seen;
        while ((seen = word) != turn)
            call((long)&word, FUTEX_WAIT_PRIVATE, seen, 0, 0, 0, SYS_futex);
        word = turn + 1;
        call((long)&word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0, SYS_futex);
    }
    return NULL;
}

static void *sleeps(void *arg)
{
    struct timespec pause = { 0, 500 * 1000 };
    (void)arg;
    long tid = call(0, 0, 0, 0, 0, 0, SYS_gettid);
    for (int i = 0; i < ROUNDS; i++) {
        struct timespec left = pause;
        while (call((long)&left, (long)&left, 0, 0, 0, 0, SYS_nanosleep) == -EINTR)
            ;
        CHECK_EQ(call(0, 0, 0, 0, 0, 0, SYS_gettid), tid);
    }
    return NULL;
}

static void *spins(void *arg)
{
    double value = 1;
    while (!stop) {
        others++;
        value = value * 1.0000001 + 1e-9;
    }
    CHECK(value > 0);
    return arg;
}

int main(void)
{
    pthread_t reader, waiter, sleeper, spinner;
    char byte = 1;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    memcpy(page, code, sizeof(code));
    CHECK_EQ(mprotect(page, 4096, PROT_READ | PROT_EXEC), 0);
    call = (generated)page;
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(back), 0);
    CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
    reader = start(reads, NULL);
    waiter = start(waits, NULL);
    sleeper = start(sleeps, NULL);
    spinner = start(spins, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(write(ends[1], &byte, 1), 1);
        CHECK_EQ(read(back[0], &byte, 1), 1);
    }
    for (int turn = 0; turn < ROUNDS; turn += 2) {
        int seen;
        while ((seen = word) != turn)
            call((long)&word, FUTEX_WAIT_PRIVATE, seen, 0, 0, 0, SYS_futex);
        word = turn + 1;
        call((long)&word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0, SYS_futex);
    }
    join(waiter);
    join(sleeper);
    close(ends[1]);
    printf("read %ld, word %d\n", (long)join(reader), (int)word);
    stop = 1;
    join(spinner);
    CHECK(others > 0);
    CHECK_EQ(call(-1, 0, 0, 0, 0, 0, SYS_close), -EBADF);
    CHECK_EQ(call(0, 0, 0, 0, 0, 0, 100000), -ENOSYS);
    CHECK_EQ(call(getpid(), SIGUSR1, 0, 0, 0, 0, SYS_kill), 0);
    while (!handled)
        usleep(100);
    puts("errors and signals");
    return 0;
}
