/* coroctl's JSON documents. Format 1: {"format": 1, "pid": PID, ...}. */
#ifndef COROCTL_JSON_H
#define COROCTL_JSON_H

#include <stdio.h>

#include "tools/coroctl/stacks.h"
#include "tools/coroctl/threads.h"

void json_print_threads(FILE *out, const struct threads *threads);

/* The same, each of those threads that have a stack with "frames", innermost first. */
void json_print_stacks(FILE *out, const struct threads *threads, const struct stacks *stacks,
                       bool all_frames);

#endif
