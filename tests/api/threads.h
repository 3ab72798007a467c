/* What the tests of objects between threads share. */
#ifndef TEST_API_THREADS_H
#define TEST_API_THREADS_H

#include <coro.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "suite.h"

/* AddressSanitizer takes what a cancelled thread left on its stack for the next one's. */
#ifdef __SANITIZE_ADDRESS__
#define CANCELS 0
#else
#define CANCELS 1
#endif

#define SOON 0.02 /* seconds until a timeout that is meant to happen */

static inline int is_way(const char *name)
{
    const char *way = getenv("API_WAY");
    return way && !strcmp(way, name);
}

/* Threads run until they wait: the order of things is known. */
static inline int is_cooperative(void)
{
    return !is_way("native") && !is_way("slice") && !is_way("faults");
}

static inline pthread_t start(void *(*fn)(void *), void *argument)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, fn, argument) == 0);
    return thread;
}

static inline void *end_of(pthread_t thread)
{
    void *value;
    must(pthread_join(thread, &value) == 0);
    return value;
}

static inline void let_others_run(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
}

#define wait_until(condition)                                                                      \
    do {                                                                                           \
        let_others_run();                                                                          \
    } while (!(condition))

/* The call fails with @error. */
#define must_fail(call, error)                                                                     \
    do {                                                                                           \
        errno = 0;                                                                                 \
        ck_assert_int_eq((call), -1);                                                              \
        ck_assert_int_eq(errno, (error));                                                          \
    } while (0)

/* ... as the last act of a thread: its errno is the thread's value. */
static inline void *outcome(int result)
{
    return (void *)(intptr_t)(result ? errno : 0);
}

static inline intptr_t code(void *outcome)
{
    return (intptr_t)outcome;
}

/* The test's own random numbers. */
static inline unsigned roll(unsigned *state, unsigned sides)
{
    *state = *state * 1103515245U + 12345U;
    return (*state >> 16) % sides;
}

/* fn() in the child of a fork; true when it returned. */
static inline int in_child(void (*fn)(void))
{
    int status;
    pid_t pid = fork();
    must(pid >= 0);
    if (!pid) {
        alarm(60);
        fn();
        _exit(0);
    }
    must(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) && !WEXITSTATUS(status);
}

#endif
