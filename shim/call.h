/* Calls of the program's functions, asked for by coroctl call. Above the gate. */
#ifndef CORO_CALL_H
#define CORO_CALL_H

#include "interpose/errand.h"

/* Makes a thread that makes the call of @errand and reports its end by errand_report, also when the
 * function does not return. Returns 0 or an errno. May wait for libc's locks. */
int call_start(const struct errand *errand);

#endif
