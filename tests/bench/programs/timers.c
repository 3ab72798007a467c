/* timers THREADS MS: that many threads sleep at the same time, each once, for MS to 2 MS milliseconds.
 *
 * They are all made first and begin together; cpu is the process's time from then on, so what it costs
 * to begin a sleep, to be woken from it, and to switch. pending says how many slept at the same time.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER, go = PTHREAD_COND_INITIALIZER;
static long made, asleep, most, shortest_ns;
static int going;

static void *sleeper(void *seed)
{
    unsigned state = (unsigned)(uintptr_t)seed;
    pthread_mutex_lock(&lock);
    made++;
    pthread_cond_signal(&changed);
    while (!going)
        pthread_cond_wait(&go, &lock);
    pthread_mutex_unlock(&lock);

    long ns = shortest_ns + (long)((double)rand_r(&state) / RAND_MAX * (double)shortest_ns);
    struct timespec time = { ns / 1000000000, ns % 1000000000 };
    long now = __atomic_add_fetch(&asleep, 1, __ATOMIC_RELAXED);
    for (long before = most; now > before;)
        if (__atomic_compare_exchange_n(&most, &before, now, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            break;
    if (nanosleep(&time, NULL))
        bench_fail("nanosleep: interrupted");
    __atomic_sub_fetch(&asleep, 1, __ATOMIC_RELAXED);
    return NULL;
}

static double process_cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
    bench_limit(240);
    if (argc != 3)
        bench_fail("usage: timers THREADS MS");
    long count = bench_number("THREADS", argv[1], 2000000);
    shortest_ns = bench_number("MS", argv[2], 60000) * 1000000;
    pthread_t *threads = malloc((size_t)count * sizeof(*threads));
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    for (long i = 0; i < count; i++)
        if (pthread_create(&threads[i], &small, sleeper, (void *)(uintptr_t)i))
            bench_fail("pthread_create: failed at thread %ld", i);
    pthread_mutex_lock(&lock);
    while (made < count)
        pthread_cond_wait(&changed, &lock);
    going = 1;
    pthread_mutex_unlock(&lock);
    double cpu = process_cpu_ns();
    pthread_cond_broadcast(&go);
    for (long i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    cpu = process_cpu_ns() - cpu;
    bench_report("cpu", cpu / (double)count, "ns/sleep");
    bench_report("pending", (double)most, "threads");
    free(threads);
    return 0;
}
