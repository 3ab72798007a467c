/* handoff cond|sem|futex MS: two threads pass the turn to each other.
 *
 * One operation is one hand-off: the holder gives the turn away and the other runs. All three kinds
 * share the state below; `turn` is the member that may go on.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <linux/futex.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t granted[2] = { PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER };
static sem_t grants[2];
static atomic_int turn;
static long handoffs;

static void cond_body(void *context, int member, long count)
{
    (void)context;
    pthread_mutex_lock(&lock);
    while (count--) {
        while (turn != member)
            pthread_cond_wait(&granted[member], &lock);
        handoffs++;
        turn = !member;
        pthread_cond_signal(&granted[!member]);
    }
    pthread_mutex_unlock(&lock);
}

static void sem_body(void *context, int member, long count)
{
    (void)context;
    while (count--) {
        sem_wait(&grants[member]);
        handoffs++;
        sem_post(&grants[!member]);
    }
}

/* As Rust's standard library, libstdc++ and others do it: the system call by syscall(2). */
static void futex_body(void *context, int member, long count)
{
    (void)context;
    while (count--) {
        while (turn != member)
            syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !member, NULL, NULL, 0);
        handoffs++;
        turn = !member;
        syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static const struct kind {
    const char *name;
    void (*body)(void *context, int member, long count);
} kinds[] = { { "cond", cond_body }, { "sem", sem_body }, { "futex", futex_body } };

int main(int argc, char **argv)
{
    bench_limit(60);
    if (argc != 3)
        bench_fail("usage: handoff cond|sem|futex MS");
    sem_init(&grants[0], 0, 1);
    sem_init(&grants[1], 0, 0);

    long budget_ms = bench_number("MS", argv[2], 10000);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(argv[1], kinds[i].name))
            continue;
        struct bench_loop loop = { 2, kinds[i].body, NULL, 2 };
        bench_report("handoff", bench_ns_per_op(&loop, budget_ms), "ns");
        if (handoffs % 2 || !handoffs)
            bench_fail("%s: %ld hand-offs: one was lost", argv[1], handoffs);
        return 0;
    }
    bench_fail("%s: unknown kind of hand-off", argv[1]);
}
