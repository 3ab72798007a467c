/* What the unit tests of the runtime share: a runtime on the test's own main thread, coroutines that
 * run test functions, and a short way to run a suite.
 *
 * Check forks for each test, so every test has a fresh runtime and may leave it as it likes. All
 * coroutines keep the main thread's TLS: libc and Check work in them, one at a time. */
#ifndef TEST_HARNESS_H
#define TEST_HARNESS_H

#include <check.h>

#include "runtime/poll/poll.h"
#include "runtime/poll/script.h"
#include "runtime/sched.h"

#define HARNESS_STACK_BYTES (256 * 1024UL)

/* ck_assert for inner loops: Check's own writes to a pipe each time. */
#define must(condition)                                                                            \
    do {                                                                                           \
        if (unlikely(!(condition)))                                                                \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

/* Runs every test (names of START_TEST functions) and ends main with the right status. */
#define RUN_TESTS(suite, ...)                                                                      \
    do {                                                                                           \
        const TTest *const tests_[] = { __VA_ARGS__ };                                             \
        return harness_main((suite), tests_, sizeof(tests_) / sizeof(tests_[0]), 1);               \
    } while (0)

/* The same, each test with _i 0 and 1: harness_backend(_i). */
#define RUN_TESTS_TWICE(suite, ...)                                                          \
    do {                                                                                           \
        const TTest *const tests_[] = { __VA_ARGS__ };                                             \
        return harness_main((suite), tests_, sizeof(tests_) / sizeof(tests_[0]), 2);               \
    } while (0)

int harness_main(const char *suite, const TTest *const tests[], size_t count, int loops);

/* 0: poll_script, 1: poll_epoll. */
const struct poll_backend *harness_backend(int index);

/* What the shim's constructor does, and runtime_start: the caller is now the main coroutine, in the
 * runtime. */
void harness_start(const struct poll_backend *backend);

/* A coroutine that will run fn(argument) on a stack from the arena, and free itself. */
struct co *harness_spawn(void (*fn)(void *), void *argument);

/* Parks the main coroutine until all spawned ones have ended. */
void harness_join(void);

/* Spawned coroutines that have not ended. */
unsigned harness_live(void);

uint64_t harness_now_ns(void);

#endif
