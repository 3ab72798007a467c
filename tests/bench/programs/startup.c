/* startup RUNS PROGRAM [NAME=VALUE...]: what starting PROGRAM and waiting for its end takes.
 *
 * The variables are for PROGRAM alone; the helper itself always runs without them. The figure is
 * the median of RUNS starts, since a start that another process disturbed says nothing.
 */
#include "bench.h"

#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static char **extended_environment(char **added, int added_count)
{
    int count = 0;
    while (environ[count])
        count++;
    char **result = calloc((size_t)(count + added_count) + 1, sizeof *result);
    if (!result)
        bench_fail("out of memory for the environment");
    memcpy(result, environ, (size_t)count * sizeof *result);
    memcpy(result + count, added, (size_t)added_count * sizeof *result);
    return result;
}

static double start_once_us(char *program, char **environment)
{
    char *arguments[] = { program, NULL };
    pid_t child;
    int status;
    uint64_t start_ns = bench_now_ns();
    int error = posix_spawn(&child, program, NULL, NULL, arguments, environment);
    if (error)
        bench_fail("%s: %s", program, strerror(error));
    if (waitpid(child, &status, 0) != child || status)
        bench_fail("%s: ended with wait status 0x%x", program, (unsigned)status);
    return (double)(bench_now_ns() - start_ns) / 1e3;
}

int main(int argc, char **argv)
{
    bench_limit(60);
    if (argc < 3)
        bench_fail("usage: startup RUNS PROGRAM [NAME=VALUE...]");
    long runs = bench_number("RUNS", argv[1], 100000);
    char **environment = extended_environment(argv + 3, argc - 3);
    double *samples_us = calloc((size_t)runs, sizeof *samples_us);
    if (!samples_us)
        bench_fail("out of memory for %ld samples", runs);

    for (long i = 0; i < runs; i++)
        samples_us[i] = start_once_us(argv[2], environment);
    bench_sort(samples_us, runs);
    bench_report("start", samples_us[runs / 2], "us");
    free(samples_us);
    free(environment);
    return 0;
}
