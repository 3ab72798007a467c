/* lock single|parked|contended|rwlock MS: what taking and releasing a lock costs.
 *
 * single: a mutex in a process that never made a thread (glibc then omits the atomic operation).
 * parked: the same beside 8 threads that wait. rwlock: a read lock beside the same threads.
 * contended: 16 threads take one mutex for a short section, per acquisition.
 */
#include "bench.h"

#include <semaphore.h>
#include <string.h>

enum { PARKED = 8, CONTENDERS = 16 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t parked, leave;
static volatile long guarded[4];
static long expected;

static void mutex_body(void *context, int member, long count)
{
    (void)context, (void)member;
    while (count--) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
}

static void rwlock_body(void *context, int member, long count)
{
    (void)context, (void)member;
    while (count--) {
        pthread_rwlock_rdlock(&rwlock);
        pthread_rwlock_unlock(&rwlock);
    }
}

static void contended_body(void *context, int member, long count)
{
    (void)context;
    if (member == 0) {
        pthread_mutex_lock(&mutex);
        expected += count * CONTENDERS;
        pthread_mutex_unlock(&mutex);
    }
    while (count--) {
        pthread_mutex_lock(&mutex);
        for (int i = 0; i < 4; i++)
            guarded[i]++;
        pthread_mutex_unlock(&mutex);
    }
}

static void *parked_main(void *argument)
{
    sem_post(&parked);
    sem_wait(&leave);
    return argument;
}

static double measure_beside_parked(const struct bench_loop *loop, long budget_ms)
{
    pthread_t threads[PARKED];
    sem_init(&parked, 0, 0);
    sem_init(&leave, 0, 0);
    for (int i = 0; i < PARKED; i++)
        threads[i] = bench_thread(parked_main, NULL);
    for (int i = 0; i < PARKED; i++)
        sem_wait(&parked);

    double ns = bench_ns_per_op(loop, budget_ms);
    for (int i = 0; i < PARKED; i++)
        sem_post(&leave);
    for (int i = 0; i < PARKED; i++)
        pthread_join(threads[i], NULL);
    return ns;
}

int main(int argc, char **argv)
{
    bench_limit(60);
    if (argc != 3)
        bench_fail("usage: lock single|parked|contended|rwlock MS");
    long budget_ms = bench_number("MS", argv[2], 10000);
    struct bench_loop loop = { 1, mutex_body, NULL, 1 };
    double ns;

    if (!strcmp(argv[1], "single")) {
        ns = bench_ns_per_op(&loop, budget_ms);
    } else if (!strcmp(argv[1], "parked")) {
        ns = measure_beside_parked(&loop, budget_ms);
    } else if (!strcmp(argv[1], "rwlock")) {
        loop.body = rwlock_body;
        ns = measure_beside_parked(&loop, budget_ms);
    } else if (!strcmp(argv[1], "contended")) {
        loop = (struct bench_loop){ CONTENDERS, contended_body, NULL, CONTENDERS };
        ns = bench_ns_per_op(&loop, budget_ms);
    } else {
        bench_fail("%s: unknown kind of lock", argv[1]);
    }
    for (int i = 0; i < 4; i++)
        if (guarded[i] != expected)
            bench_fail("counter %ld, expected %ld: the mutex let two in", guarded[i], expected);
    bench_report("lock", ns, "ns");
    return 0;
}
