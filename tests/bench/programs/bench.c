/* Shared by the benchmark programs; bench.h says what each function promises.
 *
 * A run is measured by its members' own clock readings, from the first that starts to the last
 * that ends: the main thread's wake-up after the start barrier would otherwise count as well.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 5 };

struct team {
    const struct bench_loop *loop;
    long count;
    pthread_barrier_t start;
};

struct member {
    struct team *team;
    int index;
    pthread_t thread;
    uint64_t start_ns;
    uint64_t end_ns;
};

void bench_limit(unsigned limit_s)
{
    alarm(limit_s);
}

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void bench_report(const char *metric, double value, const char *unit)
{
    printf("%s %.6g %s\n", metric, value, unit);
    fflush(stdout);
}

long bench_number(const char *what, const char *text, long max)
{
    char *end;
    errno = 0;
    long value = text ? strtol(text, &end, 10) : 0;
    if (!text || errno || *end || value < 1 || value > max)
        bench_fail("%s: expected a number within 1..%ld, got '%s'", what, max, text ? text : "");
    return value;
}

pthread_t bench_thread(void *(*entry)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, entry, argument);
    if (error)
        bench_fail("pthread_create: %s", strerror(error));
    return thread;
}

void bench_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int compare_samples(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void bench_sort(double *samples, long count)
{
    qsort(samples, (size_t)count, sizeof *samples, compare_samples);
}

static void *member_main(void *argument)
{
    struct member *self = argument;
    const struct bench_loop *loop = self->team->loop;

    if (loop->members > 1)
        pthread_barrier_wait(&self->team->start);
    self->start_ns = bench_now_ns();
    loop->body(loop->context, self->index, self->team->count);
    self->end_ns = bench_now_ns();
    return NULL;
}

uint64_t bench_run_team(const struct bench_loop *loop, long count)
{
    struct team team = { .loop = loop, .count = count };
    struct member *members = calloc((size_t)loop->members, sizeof *members);
    if (!members)
        bench_fail("out of memory for %d members", loop->members);

    pthread_barrier_init(&team.start, NULL, (unsigned)loop->members);
    for (int i = 0; i < loop->members; i++) {
        members[i].team = &team;
        members[i].index = i;
        if (loop->members == 1)
            member_main(&members[i]);
        else
            members[i].thread = bench_thread(member_main, &members[i]);
    }

    uint64_t first_ns = UINT64_MAX, last_ns = 0;
    for (int i = 0; i < loop->members; i++) {
        if (loop->members > 1)
            pthread_join(members[i].thread, NULL);
        if (members[i].start_ns < first_ns)
            first_ns = members[i].start_ns;
        if (members[i].end_ns > last_ns)
            last_ns = members[i].end_ns;
    }
    pthread_barrier_destroy(&team.start);
    free(members);
    return last_ns - first_ns;
}

double bench_ns_per_op(const struct bench_loop *loop, long budget_ms)
{
    double run_ns = (double)budget_ms * 1e6 / RUNS;
    double samples[RUNS];
    long count = 16;

    for (;;) {
        double spent_ns = (double)bench_run_team(loop, count);
        if (spent_ns >= run_ns / 2)
            break;
        /* The first short runs are cold, so their rate is not trusted for more than a factor. */
        double growth = run_ns / (spent_ns + 1);
        count = (long)((double)count * (growth > 8 ? 8 : growth < 2 ? 2 : growth));
    }
    for (int i = 0; i < RUNS; i++)
        samples[i] = (double)bench_run_team(loop, count) / ((double)count * loop->ops_per_count);
    bench_sort(samples, RUNS);
    return samples[RUNS / 2];
}
