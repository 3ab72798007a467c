/* See progress.h. */
#include "tools/coroctl/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base.h"

#define PATIENCE_NS NSEC_PER_SEC
#define AGAIN_NS    (100 * NSEC_PER_MSEC)

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

struct progress progress_begin(const char *what, const char *unit)
{
    return (struct progress){ .what = what, .unit = unit, .began_ns = now_ns() };
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total)
{
    uint64_t now = now_ns();

    if (now - progress->began_ns < PATIENCE_NS || now - progress->shown_ns < AGAIN_NS ||
        !isatty(STDERR_FILENO))
        return;
    progress->shown_ns = now;
    progress->shown = true;
    if (total > 0)
        fprintf(stderr, "\r%s: %lu of %lu %s\033[K", progress->what, done, total, progress->unit);
    else
        fprintf(stderr, "\r%s: %lu %s\033[K", progress->what, done, progress->unit);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
