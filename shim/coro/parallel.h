/* Many calls at a time, and calls again and again. */
#ifndef CORO_API_PARALLEL_H
#define CORO_API_PARALLEL_H

#include "thread.h"

CORO_BEGIN

/* A function with its arguments, to be called later. */
struct coro_call;

/* NULL on an error of the signature. */
CORO_API struct coro_call *coro_bind(coro_fn fn, const char *signature, ...);
CORO_API struct coro_call *coro_vbind(coro_fn fn, const char *signature, va_list arguments);
CORO_API void coro_call_free(struct coro_call *call);

/* Calls @count functions, each in a thread of its own, at most @limit at a time (0: all), and waits for
 * all of them. Their outcomes are in @outcomes in the order of @calls, which are the caller's to free.
 * ECANCELED: not all returned. When the caller's own wait is ended (cancellation, a timeout around it),
 * the threads are shut down. WAITS. */
CORO_API int coro_in_parallel(struct coro_call *const *calls, size_t count, size_t limit,
                              struct coro_outcome *outcomes);

/* What calls a function again and again. A call that does not return (coro_fail, a cancellation) is
 * logged with its function and error, one line a second when there are many, and the next one comes in time. */
struct coro_task;

/* Calls once, in @seconds. */
CORO_API struct coro_task *coro_later(double seconds, coro_fn fn, const char *signature, ...);
CORO_API struct coro_task *coro_vlater(double seconds, coro_fn fn, const char *signature,
                                       va_list arguments);

/* Calls, waits @seconds, and so on; waits first unless @immediate. */
CORO_API struct coro_task *coro_interval(double seconds, int immediate, coro_fn fn,
                                         const char *signature, ...);
CORO_API struct coro_task *coro_vinterval(double seconds, int immediate, coro_fn fn,
                                          const char *signature, va_list arguments);

/* Calls @per_second times a second, whatever else the process does and however long a call takes, as
 * long as it takes less than 1 / @per_second: what one call or pause took too long, the next pauses are
 * shorter. A delay of more than ten intervals is not made up for. */
CORO_API struct coro_task *coro_rate(double per_second, coro_fn fn, const char *signature, ...);
CORO_API struct coro_task *coro_vrate(double per_second, coro_fn fn, const char *signature,
                                      va_list arguments);

/* Calls again at once, others getting their turn in between. */
CORO_API struct coro_task *coro_loop(coro_fn fn, const char *signature, ...);
CORO_API struct coro_task *coro_vloop(coro_fn fn, const char *signature, va_list arguments);

/* Ends and frees it: waits for the call that is under way, which is not interrupted unless @now, then
 * as by coro_shutdown. EDEADLK: from within the call; it will then end with the call. WAITS. */
CORO_API int coro_task_stop(struct coro_task *task, int now);

/* How often it called. */
CORO_API uint64_t coro_task_calls(const struct coro_task *task);

/* The thread that it runs in. */
CORO_API coro_id coro_task_thread(const struct coro_task *task);

CORO_END

#endif
