/* Time limits around any function: see shim/coro/timeout.h; limit.c does it. */
#include "shim/coro/timeout.h"

#include <errno.h>

#include "shim/api/call.h"
#include "shim/api/limit.h"
#include "shim/api/registry.h"

static void free_call(void *call)
{
    api_call_free(call);
}

static int run(struct coro_call *call, uint64_t deadline_ns, bool unwinds)
{
    int result;
    pthread_cleanup_push(free_call, call);
    result = api_limit_run(call, deadline_ns, unwinds);
    pthread_cleanup_pop(0);
    return result;
}

static int limited(double seconds, bool unwinds, void *result, coro_fn fn, const char *signature,
                   va_list arguments)
{
    struct coro_call *call;
    uint64_t deadline_ns;
    int error = api_deadline(seconds, &deadline_ns);
    if (!error)
        error = api_call_make(&call, fn, signature, arguments);
    if (error)
        return api_error(error);
    api_bring_up();
    int over = run(call, deadline_ns, unwinds);
    if (over == 0 || (over > 0 && !unwinds))
        api_call_result(call, result);
    api_call_free(call);
    return over > 0 ? api_error(ETIMEDOUT) : over < 0 ? api_error(-over) : 0;
}

int coro_vwith_timeout(double seconds, void *result, coro_fn fn, const char *signature,
                       va_list arguments)
{
    return limited(seconds, true, result, fn, signature, arguments);
}

int coro_with_timeout(double seconds, void *result, coro_fn fn, const char *signature, ...)
{
    va_list arguments;
    va_start(arguments, signature);
    int done = limited(seconds, true, result, fn, signature, arguments);
    va_end(arguments);
    return done;
}

int coro_vwith_deadline(double seconds, void *result, coro_fn fn, const char *signature,
                        va_list arguments)
{
    return limited(seconds, false, result, fn, signature, arguments);
}

int coro_with_deadline(double seconds, void *result, coro_fn fn, const char *signature, ...)
{
    va_list arguments;
    va_start(arguments, signature);
    int done = limited(seconds, false, result, fn, signature, arguments);
    va_end(arguments);
    return done;
}

double coro_time_left(void)
{
    uint64_t next = api_limit_next(), now = api_now_ns();
    if (next == DEADLINE_NEVER)
        return CORO_FOREVER;
    return next > now ? (double)(next - now) / (double)NSEC_PER_SEC : 0;
}
