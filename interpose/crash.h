/* CORO_CRASH_REPORT: who ended the process, and where. */
#ifndef CORO_CRASH_H
#define CORO_CRASH_H

#include "interpose/signal.h"

/* Signals that crash reports are about. */
bool crash_is(int signal);

/* With the variable on: writes the report of the running thread, which is to end the process by
 * @signal, and returns when that is done. @context: the kernel's, of a fault; NULL: in an operation.
 * Takes REPORT_PATIENCE_NS at most. On the carrier. */
void crash_report(int signal, const siginfo_t *info, const struct ucontext *context);

#endif
