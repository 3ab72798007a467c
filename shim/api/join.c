/* Waiting for threads to end: see shim/coro/thread.h. */
#include <stdlib.h>

#include "shim/api/thread.h"

static void no_longer_joined(struct api_waiter *waiter)
{
    ((struct api_thread *)waiter->object)->joined = false;
}

/* Waits for its end and takes it out of the registry. Under the lock. */
static int await(struct api_thread *thread, uint64_t deadline_ns)
{
    uint32_t tid = thread->tid ? (uint32_t)thread->tid : api_young_tid(thread->id);
    struct api_waiter waiter = { .reason = { .kind = WAIT_JOIN, .tid = tid },
                                 .object = thread,
                                 .left = no_longer_joined };
    int error = 0;
    thread->joined = true;
    while (thread->state != API_ENDED && !error)
        error = api_wait(&thread->joiner, &api_registry.lock, &waiter, deadline_ns);
    thread->joined = false;
    return thread->state == API_ENDED ? 0 : error;
}

/* What is left of it is not worth a cancellation point. */
static void join_rest(pthread_t handle)
{
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_join(handle, NULL);
    pthread_setcancelstate(state, NULL);
}

static int why_not(const struct api_thread *thread, coro_id id)
{
    if (id == coro_current())
        return EDEADLK;
    if (!thread || thread->state == API_FOREIGN)
        return api_error_of_stranger(id);
    if (thread->state == API_NEW || thread->detached)
        return EINVAL;
    return thread->joined ? EBUSY : 0;
}

int api_join(coro_id id, uint64_t deadline_ns, void *result, struct coro_outcome *outcome)
{
    pthread_t handle = 0;
    bool has_handle = false;
    api_registry_lock();
    struct api_thread *thread = api_find(id);
    int error = why_not(thread, id);
    if (!error)
        error = await(thread, deadline_ns);
    if (!error) {
        handle = thread->handle;
        has_handle = thread->has_handle;
        if (!thread->error)
            api_call_result(thread->call, result);
        if (outcome)
            api_call_outcome(thread->call, thread->error, outcome);
        api_thread_remove(thread);
    }
    api_registry_unlock();
    if (has_handle)
        join_rest(handle);
    return error;
}

int coro_join(coro_id id, double seconds, void *result)
{
    uint64_t deadline_ns;
    struct coro_outcome outcome;
    int error = api_deadline(seconds, &deadline_ns);
    if (!error)
        error = api_join(id, deadline_ns, result, &outcome);
    if (!error && outcome.error)
        error = ECANCELED;
    return error ? api_error(error) : 0;
}

int coro_join_outcome(coro_id id, double seconds, struct coro_outcome *outcome)
{
    uint64_t deadline_ns;
    int error = api_deadline(seconds, &deadline_ns);
    if (!error)
        error = api_join(id, deadline_ns, NULL, outcome);
    return error ? api_error(error) : 0;
}

int coro_join_all(const coro_id *ids, size_t count, double seconds, struct coro_outcome *outcomes)
{
    uint64_t deadline_ns;
    int first = 0, error = api_deadline(seconds, &deadline_ns);
    if (error)
        return api_error(error);
    for (size_t i = 0; i < count; i++) {
        struct coro_outcome outcome = { 0 };
        error = api_join(ids[i], deadline_ns, NULL, &outcome);
        if (error)
            outcome.error = error == ETIMEDOUT ? EINPROGRESS : error;
        else if (outcome.error)
            error = ECANCELED;
        if (outcomes)
            outcomes[i] = outcome;
        if (!first)
            first = error;
    }
    return first ? api_error(first) : 0;
}

/* The oldest child of the calling thread that can be joined, or 0. */
static coro_id next_child(void)
{
    struct list *node, *after;
    coro_id found = 0;
    api_registry_lock();
    struct api_thread *own = api_find(coro_current());
    if (own) {
        list_for_each (node, after, &own->children) {
            struct api_thread *child = container_of(node, struct api_thread, among);
            if (child->state != API_NEW && !child->detached && !child->joined) {
                found = child->id;
                break;
            }
        }
    }
    api_registry_unlock();
    return found;
}

int coro_join_children(double seconds)
{
    uint64_t deadline_ns;
    coro_id id;
    int first = 0, error = api_deadline(seconds, &deadline_ns);
    if (error)
        return api_error(error);
    while ((id = next_child())) {
        struct coro_outcome outcome = { 0 };
        error = api_join(id, deadline_ns, NULL, &outcome);
        if (error == ETIMEDOUT)
            return api_error(ETIMEDOUT);
        if (!error && outcome.error)
            first = ECANCELED;
    }
    return first ? api_error(first) : 0;
}
