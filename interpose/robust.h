/* Robust locks of those that end. The carrier, in the runtime; nothing here parks. */
#ifndef CORO_ROBUST_H
#define CORO_ROBUST_H

#include "interpose/op.h"

/* Marks the locks that @co holds, which ends, and wakes a waiter of each. */
void robust_thread_ends(const struct co *co);

/* The same for all threads: the process ends, or another program takes its place. Also from a handler,
 * on the way to a death. */
void robust_process_ends(void);

/* It did not: the locks are held again, but for those that somebody has taken meanwhile. */
void robust_exec_failed(void);

#endif
