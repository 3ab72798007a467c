/* Who runs when. */
#ifndef CORO_API_SCHED_H
#define CORO_API_SCHED_H

#include "base.h"

CORO_BEGIN

/* 1: this process's threads are coroutines; 0: they are not, or the library isn't there. A process has
 * no coroutines before its first thread. Never fails. */
CORO_API int coro_is_running(void);

/* Lets all others that can run do so; the caller runs again in the next pass. */
CORO_API void coro_yield(void);

CORO_END

#endif
