/* Time limits around any function. */
#ifndef CORO_API_TIMEOUT_H
#define CORO_API_TIMEOUT_H

#include "base.h"

CORO_BEGIN

/* Calls @fn in the calling thread; what it returns is stored in *@result, an object of the type in the
 * signature (NULL: not wanted). When @seconds pass first, the call ends at its next cancellation
 * point, at once if it waits in one: the stack is unwound as for pthread_cancel, with cleanup handlers and
 * C++ destructors, up to here, and errno is ETIMEDOUT.
 *
 * Calls may be nested: only the one whose time is over reports it, those within it are skipped; if
 * several are over, the earliest. A call that returns before it meets a cancellation point was in
 * time. While pthread_setcancelstate disables cancellation, the limit waits too. Errors: ETIMEDOUT, or those of the
 * signature (coro/thread.h), and then @fn was not called. WAITS if @fn does. */
CORO_API int coro_with_timeout(double seconds, void *result, coro_fn fn, const char *signature,
                               ...);
CORO_API int coro_vwith_timeout(double seconds, void *result, coro_fn fn, const char *signature,
                                va_list arguments);

/* The same without unwinding: once @seconds have passed, calls of @fn that would wait return -1 with
 * errno ETIMEDOUT. Which do: those of descriptors and sleeps, and coro_ calls. @fn's result is stored
 * in any case; errno is ETIMEDOUT when a call was ended so. An outer coro_with_timeout unwinds through
 * it as usual. */
CORO_API int coro_with_deadline(double seconds, void *result, coro_fn fn, const char *signature,
                                ...);
CORO_API int coro_vwith_deadline(double seconds, void *result, coro_fn fn, const char *signature,
                                 va_list arguments);

/* Seconds until the next of the limits around the calling code; CORO_FOREVER: there is none. */
CORO_API double coro_time_left(void);

CORO_END

#endif
