/* Who ended the process, and where: with CORO_CRASH_REPORT, and of overflown stacks in any case. */
#ifndef CORO_CRASH_H
#define CORO_CRASH_H

#include "interpose/signal.h"

/* Signals that CORO_CRASH_REPORT has reported. */
bool crash_is(int signal);

/* Writes the report of the running thread, which is to end the process by @signal, if that is to be
 * reported, and returns when it is done. @context: the kernel's, of a fault; NULL: in an operation.
 * Takes REPORT_PATIENCE_NS at most. On the carrier. */
void crash_report(int signal, const siginfo_t *info, const struct ucontext *context);

/* This fault of @co's, which runs, is the end of its stack. */
bool crash_is_overflow(const struct co *co, int signal, const siginfo_t *info,
                       const struct ucontext *context);

/* A handler of the program's is about to be told of this fault of the running thread's. */
void crash_handled(int signal, const siginfo_t *info, const struct ucontext *context);

#endif
