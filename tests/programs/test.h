/* What the programs in this folder share: checks that name their line, thread and time helpers.
 *
 * A program prints the same text on every run and under every interleaving, and checks its own
 * invariants with CHECK. Only a check that failed writes to stderr; its exit status is 99. Lower
 * bounds on elapsed time are sound under any load, upper bounds are not: use none below 20 s.
 */
#ifndef TESTS_PROGRAMS_TEST_H
#define TESTS_PROGRAMS_TEST_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Variadic so that C++ template commas need no extra parentheses. */
#define CHECK(...)                                                                                 \
    do {                                                                                           \
        if (!(__VA_ARGS__))                                                                        \
            check_failed(__FILE__, __LINE__, #__VA_ARGS__);                                        \
    } while (0)

#define CHECK_EQ(got, want) check_equal(__FILE__, __LINE__, #got, (long)(got), (long)(want))

/* dprintf and _exit: the failing thread may hold stdout's lock, or be a forked child. */
static inline void check_failed(const char *file, int line, const char *what)
{
    int saved = errno;
    dprintf(2, "%s:%d: pid %d: not true: %s (errno %d, %s)\n", file, line, (int)getpid(), what,
            saved, strerror(saved));
    _exit(99);
}

static inline void check_equal(const char *file, int line, const char *what, long got, long want)
{
    int saved = errno;
    if (got == want)
        return;
    dprintf(2, "%s:%d: pid %d: %s is %ld, not %ld (errno %d, %s)\n", file, line, (int)getpid(),
            what, got, want, saved, strerror(saved));
    _exit(99);
}

/* Starts a thread with @attr (may be NULL). */
static inline pthread_t start_with(const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    pthread_t thread;
    int error = pthread_create(&thread, attr, run, arg);
    CHECK_EQ(error, 0);
    return thread;
}

static inline pthread_t start(void *(*run)(void *), void *arg)
{
    return start_with(NULL, run, arg);
}

/* Joins @thread and returns its result. */
static inline void *join(pthread_t thread)
{
    void *result = NULL;
    int error = pthread_join(thread, &result);
    CHECK_EQ(error, 0);
    return result;
}

static inline int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    CHECK_EQ(clock_gettime(clock, &now), 0);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static inline int64_t now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

static inline struct timespec span_ms(long ms)
{
    struct timespec span = { ms / 1000, (ms % 1000) * 1000000 };
    return span;
}

/* The absolute time @ms from now on @clock. */
static inline struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec then;
    CHECK_EQ(clock_gettime(clock, &then), 0);
    then.tv_sec += ms / 1000;
    then.tv_nsec += (ms % 1000) * 1000000;
    if (then.tv_nsec >= 1000000000) {
        then.tv_nsec -= 1000000000;
        then.tv_sec++;
    }
    return then;
}

/* Sleeps @ms, also when signals interrupt. */
static inline void sleep_ms(long ms)
{
    struct timespec then = in_ms(CLOCK_MONOTONIC, ms);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
        continue;
}

#endif
