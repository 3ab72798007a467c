/* FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI: those who wait for a condition are moved to a lock
 * that inherits priority, and return as its owners. */
#include "test.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#define THREADS 5
#define ROUNDS  20

static atomic_uint condition, lock, waiting;
static int inside, total;

static long futex(atomic_uint *word, int operation, long value, const void *timeout, void *word2,
                  unsigned value3)
{
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, timeout, word2, value3);
}

static unsigned own_tid(void)
{
    return (unsigned)syscall(SYS_gettid);
}

static void take(void)
{
    unsigned nobody = 0;
    if (!atomic_compare_exchange_strong(&lock, &nobody, own_tid()))
        CHECK_EQ(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
}

static void release(void)
{
    unsigned mine = own_tid();
    if (!atomic_compare_exchange_strong(&lock, &mine, 0))
        CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
}

static void *waits(void *unused)
{
    (void)unused;
    waiting++;
    while (futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &lock, 0) != 0)
        CHECK(errno == EINTR || (errno == EAGAIN && condition == 0));
    CHECK_EQ(lock & FUTEX_TID_MASK, own_tid());
    CHECK_EQ(inside++, 0);
    sched_yield();
    inside--;
    total++;
    release();
    return NULL;
}

/* With the lock held or free. */
static void move_all(int held)
{
    pthread_t thread[THREADS];
    int moved = 0;
    condition = waiting = total = 0;
    for (int i = 0; i < THREADS; i++)
        thread[i] = start(waits, NULL);
    while (waiting < THREADS)
        sched_yield();
    if (held)
        take();
    while (moved < THREADS) {
        long more = futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)(long)INT_MAX, &lock, 0);
        CHECK(more >= 0);
        moved += (int)more;
        sched_yield();
    }
    if (held) {
        CHECK(lock & FUTEX_WAITERS);
        release();
    }
    for (int i = 0; i < THREADS; i++)
        join(thread[i]);
    CHECK_EQ(total, THREADS);
    CHECK_EQ(lock, 0);
}

static void errors(void)
{
    struct timespec past = { 1, 0 };
    condition = 7;
    CHECK_EQ(futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &lock, 0), -1);
    CHECK_EQ(errno, EAGAIN);
    do
        CHECK_EQ(futex(&condition, FUTEX_WAIT_REQUEUE_PI, 7, &past, &lock, 0), -1);
    while (errno == EAGAIN || errno == EINTR); /* needless, as any wait may end */
    CHECK_EQ(errno, ETIMEDOUT);
    CHECK_EQ(futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, NULL, &lock, 0), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(futex(&condition, FUTEX_CMP_REQUEUE_PI, 2, NULL, &lock, 7), -1);
    CHECK_EQ(errno, EINVAL);
}

static atomic_uint plain;
static atomic_int handled;

static void *waits_plainly(void *unused)
{
    (void)unused;
    while (futex(&plain, FUTEX_WAIT, 0, NULL, NULL, 0) != 0)
        CHECK(errno == EINTR || errno == EAGAIN);
    return NULL;
}

static void counts(int number)
{
    (void)number;
    handled++;
}

static void *waits_once(void *unused)
{
    (void)unused;
    CHECK_EQ(futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &lock, 0), -1);
    CHECK_EQ(errno, EAGAIN);
    return NULL;
}

/* Until the other thread waits, there is nobody to refuse. */
static void expect_refusal(atomic_uint *word, int operation, long value, long move)
{
    long result;
    while ((result = futex(word, operation, value, (void *)move, &lock, 0)) == 0)
        usleep(1000);
    CHECK_EQ(result, -1);
    CHECK_EQ(errno, EINVAL);
}

/* Waiters of one kind are not to be woken or moved as those of the other. */
static void mixed_kinds(void)
{
    pthread_t thread = start(waits_plainly, NULL);
    lock = 0;
    expect_refusal(&plain, FUTEX_CMP_REQUEUE_PI, 1, 0);
    CHECK_EQ(lock, 0);
    CHECK_EQ(futex(&plain, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    join(thread);
}

/* Before it has been moved, a thread that handles a signal waits again; then its call ends. */
static void handlers(void)
{
    struct sigaction action = { .sa_handler = counts };
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    condition = waiting = handled = 0;
    take();
    pthread_t thread = start(waits_once, NULL);
    expect_refusal(&condition, FUTEX_WAKE, 1, 0);
    expect_refusal(&condition, FUTEX_CMP_REQUEUE, 1, INT_MAX);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    while (handled == 0)
        usleep(1000);
    while (futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, NULL, &lock, 0) == 0)
        usleep(1000);
    CHECK(lock & FUTEX_WAITERS);
    expect_refusal(&lock, FUTEX_WAKE, 1, 0);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    join(thread);
    CHECK_EQ(handled, 2);
    release();
    CHECK_EQ(lock, 0);
}

int main(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        move_all(1);
        move_all(0);
    }
    errors();
    mixed_kinds();
    handlers();
    puts("moved and owned");
    return 0;
}
