/* What the tests of coro.h share. */
#ifndef TEST_API_H
#define TEST_API_H

#include <coro.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "suite.h"

/* How this program is run, see tests/api/run. */
static inline bool way_is(const char *name)
{
    const char *way = getenv("API_WAY");
    return way && !strcmp(way, name);
}

/* -1 and errno @error. */
#define fails(call, error)                                                                         \
    do {                                                                                           \
        errno = 0;                                                                                 \
        must((long)(call) == -1);                                                                  \
        ck_assert_int_eq(errno, error);                                                            \
    } while (0)

static inline double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
