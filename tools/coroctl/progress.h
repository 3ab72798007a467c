/* A line on a terminal's standard error that says how far a long command is; none before it has taken
 * a second, and none anywhere else than on a terminal. */
#ifndef COROCTL_PROGRESS_H
#define COROCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* "looking" */
    const char *unit; /* "s", "threads" */
    uint64_t began_ns, shown_ns;
    bool shown;
};

struct progress progress_begin(const char *what, const char *unit);

/* @total 0: not known. Cheap enough for every turn of a loop. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total);

/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
