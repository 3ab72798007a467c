/* Many calls at a time: see shim/coro/parallel.h.
 *
 * Each call has a thread, whose function calls it and waits for nobody; the caller starts as many as may run at
 * a time, joins the oldest, and starts the next. Should the caller be unwound, the threads that are left
 * are shut down and joined, since the calls and what they point to are the caller's. */
#include "shim/coro/parallel.h"

#include <stdlib.h>

#include "shim/api/call.h"
#include "shim/api/thread.h"

struct coro_call *coro_vbind(coro_fn fn, const char *signature, va_list arguments)
{
    struct coro_call *call;
    int error = api_call_make(&call, fn, signature, arguments);
    if (!error)
        return call;
    errno = error;
    return NULL;
}

struct coro_call *coro_bind(coro_fn fn, const char *signature, ...)
{
    va_list arguments;
    va_start(arguments, signature);
    struct coro_call *call = coro_vbind(fn, signature, arguments);
    va_end(arguments);
    return call;
}

void coro_call_free(struct coro_call *call)
{
    api_call_free(call);
}

struct batch {
    struct coro_call *const *calls;
    struct coro_outcome *outcomes; /* NULL: not wanted */
    coro_id *ids;
    size_t count, limit, started, joined;
    bool failed;
};

static void note(struct batch *batch, size_t i, const struct coro_outcome *outcome)
{
    batch->failed |= outcome->error != 0;
    if (batch->outcomes)
        batch->outcomes[i] = *outcome;
}

/* One that can't be started has failed: with why. */
static void start_one(struct batch *batch)
{
    size_t i = batch->started;
    batch->ids[i] = coro_spawn("parallel", (coro_fn)api_call_run, "v(p)", batch->calls[i]);
    if (!batch->ids[i])
        note(batch, i, &(struct coro_outcome){ .error = errno });
    batch->started++;
}

static void join_one(struct batch *batch, uint64_t deadline_ns)
{
    size_t i = batch->joined;
    struct coro_outcome outcome = { 0 };
    if (batch->ids[i]) {
        int error = api_join(batch->ids[i], deadline_ns, NULL, &outcome);
        api_call_outcome(batch->calls[i], error ? error : outcome.error, &outcome);
        note(batch, i, &outcome);
    }
    batch->joined++;
}

/* Also when all is well: then there is nobody left. */
static void end_batch(void *argument)
{
    struct batch *batch = argument;
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    for (size_t i = batch->joined; i < batch->started; i++)
        coro_shutdown(batch->ids[i]);
    while (batch->joined < batch->started)
        join_one(batch, DEADLINE_NEVER);
    pthread_setcancelstate(state, NULL);
    free(batch->ids);
}

int coro_in_parallel(struct coro_call *const *calls, size_t count, size_t limit,
                     struct coro_outcome *outcomes)
{
    struct batch batch = { .calls = calls, .outcomes = outcomes, .count = count };
    batch.limit = limit ? limit : count;
    batch.ids = calloc(count ? count : 1, sizeof(*batch.ids));
    if (!batch.ids)
        return api_error(ENOMEM);
    pthread_cleanup_push(end_batch, &batch);
    while (batch.joined < count) {
        while (batch.started < count && batch.started - batch.joined < batch.limit)
            start_one(&batch);
        join_one(&batch, DEADLINE_NEVER);
    }
    pthread_cleanup_pop(1);
    return batch.failed ? api_error(ECANCELED) : 0;
}
