/* Read-write locks: readers together, writers alone, for each preference. */
#include "test.h"

#include <sched.h>

static pthread_rwlock_t lock;
static int readers, writers;
static long value;

static void *reads(void *arg)
{
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(pthread_rwlock_rdlock(&lock), 0);
        __atomic_add_fetch(&readers, 1, __ATOMIC_SEQ_CST);
        CHECK_EQ(__atomic_load_n(&writers, __ATOMIC_SEQ_CST), 0);
        long seen = value;
        sched_yield();
        CHECK_EQ(value, seen);
        __atomic_sub_fetch(&readers, 1, __ATOMIC_SEQ_CST);
        CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    }
    return arg;
}

static void *writes(void *arg)
{
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(pthread_rwlock_wrlock(&lock), 0);
        CHECK_EQ(__atomic_add_fetch(&writers, 1, __ATOMIC_SEQ_CST), 1);
        CHECK_EQ(__atomic_load_n(&readers, __ATOMIC_SEQ_CST), 0);
        long seen = value;
        sched_yield();
        value = seen + 1;
        __atomic_sub_fetch(&writers, 1, __ATOMIC_SEQ_CST);
        CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    }
    return arg;
}

/* All of these hold the lock at once, or the barrier never opens. */
static void *reads_together(void *arg)
{
    CHECK_EQ(pthread_rwlock_rdlock(&lock), 0);
    pthread_barrier_wait(arg);
    CHECK_EQ(pthread_rwlock_trywrlock(&lock), EBUSY);
    pthread_barrier_wait(arg);
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    return NULL;
}

static void run(const char *name, int kind)
{
    pthread_t threads[12];
    pthread_barrier_t together;
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    CHECK_EQ(pthread_rwlockattr_setkind_np(&attr, kind), 0);
    CHECK_EQ(pthread_rwlock_init(&lock, &attr), 0);
    value = 0;
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(i % 3 ? reads : writes, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    pthread_barrier_init(&together, NULL, COUNT(threads));
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(reads_together, &together);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    CHECK_EQ(pthread_rwlock_trywrlock(&lock), 0);
    CHECK_EQ(pthread_rwlock_tryrdlock(&lock), EBUSY);
    CHECK_EQ(pthread_rwlock_wrlock(&lock), EDEADLK);
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    CHECK_EQ(pthread_rwlock_destroy(&lock), 0);
    printf("%s: %ld\n", name, value);
}

int main(void)
{
    run("prefer readers", PTHREAD_RWLOCK_PREFER_READER_NP);
    run("prefer writers", PTHREAD_RWLOCK_PREFER_WRITER_NP);
    run("prefer writers, not recursive", PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    return 0;
}
