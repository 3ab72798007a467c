/* What a program compiled with CORO_WEAK does where the library isn't: coro_fallback_NAME answers for
 * coro_NAME; calls without one fail with ENOSYS (coro/weak.h, made by shim/api/gen-weak). */
#ifndef CORO_API_FALLBACK_H
#define CORO_API_FALLBACK_H

#include <errno.h>
#include <sched.h>

#include "base.h"

CORO_BEGIN

static inline int coro_fallback_is_running(void)
{
    return 0;
}

static inline void coro_fallback_yield(void)
{
    sched_yield();
}

CORO_END

#endif
