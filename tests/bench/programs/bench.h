/* What the benchmark programs share: time, teams of threads, one output format.
 *
 * The programs are ordinary pthread programs; nothing in them knows on what they run. Each prints
 * lines of `metric value unit` that it measured itself, checks that its work was done right, and
 * ends with a message and status 1 when it wasn't.
 */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>
#include <stdint.h>

/* One repeated operation. @body is called once in each of @members threads, which start together,
 * and does @count turns; each turn of the whole team is @ops_per_count operations. A team of one
 * runs in the caller, so that the process stays without other threads. */
struct bench_loop {
    int members;
    void (*body)(void *context, int member, long count);
    void *context;
    double ops_per_count;
};

/* Arms the hard time limit: SIGALRM ends the process after @limit_s seconds, whatever it does. */
void bench_limit(unsigned limit_s);

uint64_t bench_now_ns(void);

/* Finds the count with which five runs of @loop last about @budget_ms; returns the median of their
 * ns per operation, so that another process in between disturbs little. Waits for its threads. */
double bench_ns_per_op(const struct bench_loop *loop, long budget_ms);

/* The same for one run of @count turns: the ns between the first start and the last end. */
uint64_t bench_run_team(const struct bench_loop *loop, long count);

void bench_report(const char *metric, double value, const char *unit);

/* Creates a thread with default attributes, or ends the program. */
pthread_t bench_thread(void *(*entry)(void *), void *argument);

/* Returns @text as a number within 1..@max, or ends the program naming @what. */
long bench_number(const char *what, const char *text, long max);

/* Raises the soft limit of open files to the hard one. */
void bench_raise_file_limit(void);

/* Puts @samples in order. */
void bench_sort(double *samples, long count);

/* Prints the message and ends the program with status 1. */
void bench_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
