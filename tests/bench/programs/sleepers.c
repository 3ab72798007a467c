/* sleepers THREADS MS: that many threads each sleep again and again for MS milliseconds in all.
 *
 * Each thread sleeps 100..300 ms with nanosleep(), so THREADS/0.2 wake-ups a second. Lateness is
 * the time beyond what was asked for; cpu is the whole process's time per sleep.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { SHORTEST_MS = 100, LONGEST_MS = 300, MAX_SLEEPS = 100 };

struct sleeper {
    unsigned seed;
    long sleeps;
    double late_us[MAX_SLEEPS];
};

static struct sleeper *sleepers;
static uint64_t duration_ns;

static void sleeper_body(void *context, int member, long count)
{
    (void)context, (void)count;
    struct sleeper *self = &sleepers[member];
    uint64_t end_ns = bench_now_ns() + duration_ns;

    self->seed = (unsigned)member;
    for (uint64_t now_ns = bench_now_ns(); now_ns < end_ns && self->sleeps < MAX_SLEEPS;) {
        uint64_t asked_ns = SHORTEST_MS * 1000000u +
                            (uint64_t)rand_r(&self->seed) % ((LONGEST_MS - SHORTEST_MS) * 1000000u);
        struct timespec asked = { .tv_nsec = (long)asked_ns };
        if (nanosleep(&asked, NULL))
            bench_fail("nanosleep: interrupted");
        uint64_t woken_ns = bench_now_ns();
        if (woken_ns - now_ns < asked_ns)
            bench_fail("nanosleep: woke too early");
        self->late_us[self->sleeps++] = (double)(woken_ns - now_ns - asked_ns) / 1e3;
        now_ns = woken_ns;
    }
}

static double process_cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    bench_limit(60);
    if (argc != 3)
        bench_fail("usage: sleepers THREADS MS");
    long threads = bench_number("THREADS", argv[1], 1000000);
    duration_ns = (uint64_t)bench_number("MS", argv[2], 20000) * 1000000u;
    sleepers = calloc((size_t)threads, sizeof *sleepers);
    double *late_us = malloc((size_t)threads * MAX_SLEEPS * sizeof *late_us);
    if (!sleepers || !late_us)
        bench_fail("out of memory for %ld sleepers", threads);

    double cpu_us = process_cpu_us();
    struct bench_loop loop = { (int)threads, sleeper_body, NULL, 1 };
    bench_run_team(&loop, 1);
    cpu_us = process_cpu_us() - cpu_us;

    long sleeps = 0;
    for (long i = 0; i < threads; i++)
        for (long s = 0; s < sleepers[i].sleeps; s++)
            late_us[sleeps++] = sleepers[i].late_us[s];
    bench_sort(late_us, sleeps);
    bench_report("late_p50", late_us[sleeps / 2], "us");
    bench_report("late_p99", late_us[sleeps * 99 / 100], "us");
    bench_report("cpu", cpu_us / (double)sleeps, "us/sleep");
    free(late_us);
    free(sleepers);
    return 0;
}
