/* Between the API and the operations: a thread sleeps on a futex word, whatever the mode. Plain types,
 * since what includes this may include libc's headers. */
#ifndef CORO_API_PARK_H
#define CORO_API_PARK_H

#include "runtime/base.h"

/* Sleeps while *@word is 0, until api_unpark or @deadline_ns. Returns 0 (perhaps for nothing: look
 * again), ETIMEDOUT, or ECANCELED: the thread is to leave its call, see api_leave. Without coroutines a
 * cancellation is acted upon in here. WAITS. */
int api_park(uint32_t *word, uint64_t deadline_ns);

/* Wakes the thread that sleeps on @word, if any; @first: it runs before the others that can. */
void api_unpark(uint32_t *word, bool first);

/* After ECANCELED: unwinds when the thread is cancelled or the time of a coro_with_timeout is over, or
 * returns ETIMEDOUT when that of a coro_with_deadline is, or 0: nothing is due. */
int api_leave(void);

/* True when the process's threads are coroutines. */
bool api_is_running(void);

#endif
