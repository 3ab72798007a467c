/* Telling the log of threads that hold the carrier while others could run. On the monitor. */
#ifndef CORO_STALL_H
#define CORO_STALL_H

#include "runtime/runtime.h"

/* @co holds the carrier since @since_ns: a line with its stack, unless there have been many. */
void stall_tell(const struct co *co, uint64_t since_ns, uint64_t now_ns);

/* The carrier has switched, or is idle: the stall that was told of, if any, is over, and a line says how
 * long it was, to the tick. */
void stall_over(uint64_t now_ns);

void stall_reset(void);

#endif
