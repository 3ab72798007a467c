/* Which of readers and writers a rwlock prefers, by its kind. */
#include "test.h"

static pthread_rwlock_t lock;
static int writer_waits, wrote;

static void *writes(void *arg)
{
    __atomic_store_n(&writer_waits, 1, __ATOMIC_SEQ_CST);
    CHECK_EQ(pthread_rwlock_wrlock(&lock), 0);
    __atomic_store_n(&wrote, 1, __ATOMIC_SEQ_CST);
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    return arg;
}

static void *tries_to_read(void *arg)
{
    (void)arg;
    int error = pthread_rwlock_tryrdlock(&lock);
    if (!error)
        CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    return (void *)(long)error;
}

/* While a writer waits for a reader, may another reader come in? */
static void show(const char *name, int kind)
{
    pthread_rwlockattr_t attributes;
    struct timespec then;
    int got = -1;
    writer_waits = wrote = 0;
    CHECK_EQ(pthread_rwlockattr_init(&attributes), 0);
    CHECK_EQ(pthread_rwlockattr_setkind_np(&attributes, kind), 0);
    CHECK_EQ(pthread_rwlockattr_getkind_np(&attributes, &got), 0);
    CHECK_EQ(got, kind);
    CHECK_EQ(pthread_rwlock_init(&lock, &attributes), 0);
    CHECK_EQ(pthread_rwlock_rdlock(&lock), 0);
    pthread_t writer = start(writes, NULL);
    while (!__atomic_load_n(&writer_waits, __ATOMIC_SEQ_CST))
        sched_yield();
    long error = 0;
    for (int i = 0; i < 100 && (i < 50 || kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
         i++) {
        sleep_ms(1);
        error = (long)join(start(tries_to_read, NULL));
        if (error)
            break;
    }
    CHECK_EQ(__atomic_load_n(&wrote, __ATOMIC_SEQ_CST), 0);
    then = in_ms(CLOCK_MONOTONIC, 20);
    CHECK_EQ(pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &then), ETIMEDOUT);
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    join(writer);
    CHECK_EQ(wrote, 1);
    printf("%s: another reader %s\n", name, error == EBUSY ? "waits" : error ? "?" : "comes in");
    CHECK_EQ(pthread_rwlock_destroy(&lock), 0);
    pthread_rwlockattr_destroy(&attributes);
}

int main(void)
{
    show("readers first", PTHREAD_RWLOCK_PREFER_READER_NP);
    show("writers first, but recursive readers", PTHREAD_RWLOCK_PREFER_WRITER_NP);
    show("writers first", PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    return 0;
}
