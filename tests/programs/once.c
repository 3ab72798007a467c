/* pthread_once: one run, everybody waits for its end; a cancelled or throwing run is repeated. */
#include "test.h"

static pthread_once_t slow = PTHREAD_ONCE_INIT;
static pthread_once_t interrupted = PTHREAD_ONCE_INIT;
static int slow_runs, tries;
static pthread_barrier_t inside;

static void slowly(void)
{
    slow_runs++;
    sleep_ms(30);
    slow_runs++;
}

static void *calls_slow(void *arg)
{
    CHECK_EQ(pthread_once(&slow, slowly), 0);
    CHECK_EQ(slow_runs, 2);
    return arg;
}

static void first_try_is_cancelled(void)
{
    if (__atomic_add_fetch(&tries, 1, __ATOMIC_SEQ_CST) > 1)
        return;
    pthread_barrier_wait(&inside);
    for (;;)
        pause();
}

static void *calls_interrupted(void *arg)
{
    CHECK_EQ(pthread_once(&interrupted, first_try_is_cancelled), 0);
    return arg;
}

int main(void)
{
    pthread_t threads[16];
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(calls_slow, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    printf("slow ran %d time\n", slow_runs / 2);

    pthread_barrier_init(&inside, NULL, 2);
    pthread_t first = start(calls_interrupted, NULL);
    pthread_barrier_wait(&inside);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(calls_interrupted, NULL);
    CHECK_EQ(pthread_cancel(first), 0);
    CHECK(join(first) == PTHREAD_CANCELED);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    printf("tries after a cancelled one: %d\n", tries);
    return 0;
}
