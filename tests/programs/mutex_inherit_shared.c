/* A robust priority-inheritance mutex between two processes of several threads each, as Apache's
 * children use it: it excludes, a handler that interrupts a waiter does not give it the lock, and a
 * thread that ends with the lock leaves it to the other process. */
#include "test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SIDE   4
#define ROUNDS 200

static struct shared {
    pthread_mutex_t lock;
    long total;
    int owner, died;
} * shared;

static void make(void)
{
    pthread_mutexattr_t attr;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    CHECK_EQ(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST), 0);
    CHECK_EQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
    CHECK_EQ(pthread_mutex_init(&shared->lock, &attr), 0);
}

static void on_signal(int signum)
{
    (void)signum;
}

static void *counts(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(pthread_mutex_lock(&shared->lock), 0);
        CHECK_EQ(shared->owner, 0);
        shared->owner = (int)getpid();
        long seen = shared->total;
        if (i % 10 == 0)
            usleep(10);
        shared->total = seen + 1;
        CHECK_EQ(shared->owner, getpid());
        shared->owner = 0;
        CHECK_EQ(pthread_mutex_unlock(&shared->lock), 0);
    }
    return arg;
}

/* A thread that has ended but is not joined may be sent signals. */
static void annoy(pthread_t *threads)
{
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < SIDE; i++)
            CHECK_EQ(pthread_kill(threads[i], SIGUSR1), 0);
        usleep(200);
    }
}

static void one_side(void)
{
    pthread_t threads[SIDE];
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < SIDE; i++)
        threads[i] = start(counts, NULL);
    annoy(threads);
    for (int i = 0; i < SIDE; i++)
        join(threads[i]);
}

static void *dies(void *arg)
{
    while (__atomic_load_n(&shared->total, __ATOMIC_SEQ_CST) < 2 * SIDE * ROUNDS)
        usleep(100);
    CHECK_EQ(pthread_mutex_lock(&shared->lock), 0);
    __atomic_store_n(&shared->died, 1, __ATOMIC_SEQ_CST);
    usleep(20000); /* most likely the other process waits by now */
    return arg;
}

static void *inherits(void *arg)
{
    while (!__atomic_load_n(&shared->died, __ATOMIC_SEQ_CST))
        usleep(100);
    CHECK_EQ(pthread_mutex_lock(&shared->lock), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(&shared->lock), 0);
    CHECK_EQ(pthread_mutex_unlock(&shared->lock), 0);
    CHECK_EQ(pthread_mutex_lock(&shared->lock), 0);
    CHECK_EQ(pthread_mutex_unlock(&shared->lock), 0);
    return arg;
}

int main(void)
{
    int status;
    make();
    pid_t child = fork();
    CHECK(child >= 0);
    one_side();
    join(start(child ? inherits : dies, NULL));
    if (child == 0)
        _exit(3);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    printf("total %ld\n", shared->total);
    return 0;
}
