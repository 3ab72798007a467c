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

/* The same, each test with _i 0 and 1: for both backends, for instance. */
#define RUN_TESTS_TWICE(suite, ...)                                                                \
    do {                                                                                           \
        const TTest *const tests_[] = { __VA_ARGS__ };                                             \
        return suite_main((suite), tests_, sizeof(tests_) / sizeof(tests_[0]), 2);                 \
    } while (0)

int suite_main(const char *suite, const TTest *const tests[], size_t count, int loops);

#endif
