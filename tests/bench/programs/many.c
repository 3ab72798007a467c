/* many THREADS: that many threads with default attributes, all alive and waiting at once.
 *
 * Makes as many as it gets and says how many. Memory is the growth of the resident set (VmRSS) and
 * of the page tables (VmPTE); the kernel's own stacks and tasks are in neither.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_waiting = PTHREAD_COND_INITIALIZER;
static pthread_cond_t leave = PTHREAD_COND_INITIALIZER;
static long waiting;
static int leaving;

static void *thread_main(void *argument)
{
    pthread_mutex_lock(&lock);
    waiting++;
    pthread_cond_signal(&all_waiting);
    while (!leaving)
        pthread_cond_wait(&leave, &lock);
    waiting--;
    pthread_mutex_unlock(&lock);
    return argument;
}

static double status_kib(const char *field)
{
    char line[256];
    double value = 0;
    FILE *status = fopen("/proc/self/status", "re");
    if (!status)
        bench_fail("/proc/self/status: cannot open");
    while (fgets(line, sizeof line, status))
        if (!strncmp(line, field, strlen(field)))
            value = atof(line + strlen(field));
    fclose(status);
    return value;
}

static long create_threads(pthread_t *threads, long wanted)
{
    long made = 0;
    for (; made < wanted; made++) {
        int error = pthread_create(&threads[made], NULL, thread_main, (void *)(made + 1));
        if (error) {
            fprintf(stderr, "many: stopped at %ld threads: %s\n", made, strerror(error));
            break;
        }
    }
    pthread_mutex_lock(&lock);
    while (waiting < made)
        pthread_cond_wait(&all_waiting, &lock);
    pthread_mutex_unlock(&lock);
    return made;
}

int main(int argc, char **argv)
{
    bench_limit(240);
    if (argc != 2)
        bench_fail("usage: many THREADS");
    long wanted = bench_number("THREADS", argv[1], 10000000);
    pthread_t *threads = malloc((size_t)wanted * sizeof *threads);
    if (!threads)
        bench_fail("out of memory for %ld thread ids", wanted);
    memset(threads, 0xff, (size_t)wanted * sizeof *threads);

    double rss_kib = status_kib("VmRSS:"), pte_kib = status_kib("VmPTE:");
    uint64_t start_ns = bench_now_ns();
    long made = create_threads(threads, wanted);
    uint64_t alive_ns = bench_now_ns();
    if (!made)
        bench_fail("no thread could be made");
    rss_kib = status_kib("VmRSS:") - rss_kib;
    pte_kib = status_kib("VmPTE:") - pte_kib;

    uint64_t leave_ns = bench_now_ns();
    pthread_mutex_lock(&lock);
    leaving = 1;
    pthread_cond_broadcast(&leave);
    pthread_mutex_unlock(&lock);
    for (long i = 0; i < made; i++) {
        void *result;
        if (pthread_join(threads[i], &result) || result != (void *)(i + 1))
            bench_fail("thread %ld: wrong result", i);
    }
    uint64_t end_ns = bench_now_ns();
    if (waiting)
        bench_fail("%ld threads never left", waiting);

    bench_report("alive", (double)made, "threads");
    bench_report("resident", rss_kib / (double)made, "KiB/thread");
    bench_report("page_tables", pte_kib / (double)made, "KiB/thread");
    bench_report("create", (double)(alive_ns - start_ns) / 1e3 / (double)made, "us/thread");
    bench_report("leave", (double)(end_ns - leave_ns) / 1e3 / (double)made, "us/thread");
    free(threads);
    return 0;
}
