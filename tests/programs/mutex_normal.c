/* Normal and adaptive mutexes exclude, also when the holder yields, sleeps or does I/O. */
#include "test.h"

#include <sched.h>

#define THREADS 16
#define ROUNDS  500

static pthread_mutex_t lock;
static int inside;
static long total;

static void *worker(void *arg)
{
    int pipe_ends[2];
    char byte = 'x';
    CHECK_EQ(pipe(pipe_ends), 0);
    for (long i = 0; i < ROUNDS; i++) {
        CHECK_EQ(pthread_mutex_lock(&lock), 0);
        CHECK_EQ(inside++, 0);
        long seen = total;
        if ((i + (long)arg) % 3 == 0)
            sched_yield();
        if (i % 50 == 0) {
            CHECK_EQ(write(pipe_ends[1], &byte, 1), 1);
            CHECK_EQ(read(pipe_ends[0], &byte, 1), 1);
        }
        if (i % 250 == 0)
            usleep(100);
        total = seen + 1;
        CHECK_EQ(--inside, 0);
        CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    }
    return NULL;
}

static void *finds_it_locked(void *arg)
{
    CHECK_EQ(pthread_mutex_trylock(&lock), EBUSY);
    return arg;
}

static void run(const char *name, int kind)
{
    pthread_t threads[THREADS];
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    CHECK_EQ(pthread_mutexattr_settype(&attr, kind), 0);
    CHECK_EQ(pthread_mutex_init(&lock, &attr), 0);
    total = 0;
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(worker, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    CHECK_EQ(pthread_mutex_trylock(&lock), 0);
    join(start(finds_it_locked, NULL));
    CHECK_EQ(pthread_mutex_trylock(&lock), EBUSY);
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    CHECK_EQ(pthread_mutex_destroy(&lock), 0);
    printf("%s: %ld\n", name, total);
}

int main(void)
{
    run("normal", PTHREAD_MUTEX_NORMAL);
    run("adaptive", PTHREAD_MUTEX_ADAPTIVE_NP);
    run("default", PTHREAD_MUTEX_DEFAULT);
    return 0;
}
