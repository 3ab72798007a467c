/* A short way to run a suite of Check's. */
#ifndef TEST_SUITE_H
#define TEST_SUITE_H

#include <check.h>

#include "runtime/base.h"

/* ck_assert for inner loops: Check's own writes to a pipe each time. */
#define must(condition)                                                                            \
    do {                                                                                           \
        if (unlikely(!(condition)))                                                                \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

/* AddressSanitizer: forgets the frames that were left on a stack without returning from them. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define clean_stack(at, bytes) ASAN_UNPOISON_MEMORY_REGION((at), (bytes))
#else
#define clean_stack(at, bytes) ((void)(at), (void)(bytes))
#endif

/* Runs every test (names of START_TEST functions) and ends main with the right status. */
#define RUN_TESTS(suite, ...)                                                                      \
    do {                                                                                           \
        const TTest *const tests_[] = { __VA_ARGS__ };                                             \
        return suite_main((suite), tests_, sizeof(tests_) / sizeof(tests_[0]), 1);                 \
    } while (0)

/* The same, each test with _i from 0 to @times - 1: for several backends, for instance. */
#define RUN_TESTS_TIMES(times, suite, ...)                                                         \
    do {                                                                                           \
        const TTest *const tests_[] = { __VA_ARGS__ };                                             \
        return suite_main((suite), tests_, sizeof(tests_) / sizeof(tests_[0]), (times));           \
    } while (0)
#define RUN_TESTS_TWICE(suite, ...) RUN_TESTS_TIMES(2, suite, __VA_ARGS__)

int suite_main(const char *suite, const TTest *const tests[], size_t count, int loops);

#endif
