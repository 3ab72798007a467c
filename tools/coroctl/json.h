/* coroctl's JSON documents. Format 1: {"format": 1, "pid": PID, ...}. */
#ifndef COROCTL_JSON_H
#define COROCTL_JSON_H

#include <stdio.h>

#include "tools/coroctl/threads.h"

void json_print_threads(FILE *out, const struct threads *threads);

#endif
