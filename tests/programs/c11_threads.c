/* C11 threads, the first thread of the process among them: thrd, mtx, cnd, tss, call_once. */
#include "test.h"

#include <threads.h>

#define THREADS 12

static mtx_t lock;
static cnd_t changed;
static tss_t slot;
static once_flag flag = ONCE_FLAG_INIT;
static int started, go, once_runs, destroyed;

static void once(void)
{
    struct timespec span = span_ms(5);
    thrd_sleep(&span, NULL);
    once_runs++;
}

static void slot_gone(void *value)
{
    CHECK(value != NULL);
    __atomic_add_fetch(&destroyed, 1, __ATOMIC_SEQ_CST);
}

static int worker(void *arg)
{
    int id = (int)(long)arg;
    call_once(&flag, once);
    CHECK_EQ(once_runs, 1);
    CHECK_EQ(tss_set(slot, (char *)arg + 1), thrd_success);
    CHECK_EQ(mtx_lock(&lock), thrd_success);
    started++;
    cnd_broadcast(&changed);
    while (!go)
        CHECK_EQ(cnd_wait(&changed, &lock), thrd_success);
    mtx_unlock(&lock);
    thrd_yield();
    CHECK(tss_get(slot) == (char *)arg + 1);
    if (id % 2)
        thrd_exit(-id);
    return id;
}

static int never_ends(void *arg)
{
    struct timespec span = span_ms(100000);
    (void)arg;
    thrd_sleep(&span, NULL);
    return 0;
}

static void timed(void)
{
    mtx_t mutex;
    cnd_t nobody;
    struct timespec then;
    CHECK_EQ(mtx_init(&mutex, mtx_timed | mtx_recursive), thrd_success);
    CHECK_EQ(cnd_init(&nobody), thrd_success);
    CHECK_EQ(mtx_lock(&mutex), thrd_success);
    CHECK_EQ(mtx_trylock(&mutex), thrd_success);
    mtx_unlock(&mutex);
    then = in_ms(CLOCK_REALTIME, 20);
    CHECK_EQ(cnd_timedwait(&nobody, &mutex, &then), thrd_timedout);
    mtx_unlock(&mutex);
    then = in_ms(CLOCK_REALTIME, 20);
    CHECK_EQ(mtx_timedlock(&mutex, &then), thrd_success);
    mtx_unlock(&mutex);
    mtx_destroy(&mutex);
    cnd_destroy(&nobody);
    puts("timed waits time out");
}

int main(void)
{
    thrd_t threads[THREADS], detached;
    CHECK_EQ(mtx_init(&lock, mtx_plain), thrd_success);
    CHECK_EQ(cnd_init(&changed), thrd_success);
    CHECK_EQ(tss_create(&slot, slot_gone), thrd_success);
    for (long i = 0; i < THREADS; i++)
        CHECK_EQ(thrd_create(&threads[i], worker, (void *)i), thrd_success);
    mtx_lock(&lock);
    while (started < THREADS)
        cnd_wait(&changed, &lock);
    CHECK_EQ(destroyed, 0);
    go = 1;
    cnd_broadcast(&changed);
    mtx_unlock(&lock);
    for (int i = 0; i < THREADS; i++) {
        int result;
        CHECK_EQ(thrd_join(threads[i], &result), thrd_success);
        printf("thread %d returned %d\n", i, result);
    }
    printf("once %d, destroyed %d\n", once_runs, destroyed);
    timed();
    CHECK_EQ(thrd_create(&detached, never_ends, NULL), thrd_success);
    CHECK_EQ(thrd_detach(detached), thrd_success);
    CHECK(thrd_equal(thrd_current(), thrd_current()) && !thrd_equal(detached, thrd_current()));
    return 0;
}
