/* Handlers: a thread each, which waits and calls. It can be cancelled while it waits, and frees what it
 * has when it ends. */
#include <stdlib.h>

#include "shim/api/filter.h"

struct handler {
    struct filter_key key;
    pthread_t thread;
    bool persists;
    bool waiting; /* and so may be cancelled; under the lock, with the next */
    bool cleared;
    coro_handler call;
    void *argument;
};

static void free_it(void *argument)
{
    struct handler *handler = argument;
    filter_close(&handler->key);
    free(handler);
}

/* Says whether it waits from now on; false: it was cleared. */
static bool set_waiting(struct handler *handler, bool waiting)
{
    pthread_mutex_lock(&filter_lock);
    handler->waiting = waiting;
    bool goes_on = !handler->cleared;
    pthread_mutex_unlock(&filter_lock);
    return goes_on;
}

static void serve(struct handler *handler)
{
    struct coro_happening happening;
    bool again;
    do {
        if (!set_waiting(handler, true))
            return;
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        int error = filter_wait(&handler->key, DEADLINE_NEVER, &happening);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        if (!set_waiting(handler, false))
            return;
        if (error)
            happening = (struct coro_happening){ .ident = handler->key.ident, .data = error };
        again = handler->persists && !error;
        handler->call(&happening, handler->argument);
    } while (again);
}

static void *run(void *argument)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cleanup_push(free_it, argument);
    serve(argument);
    pthread_cleanup_pop(1);
    return NULL;
}

static int start(struct handler *handler)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_mutex_lock(&filter_lock); /* who clears it finds the thread */
    int error = pthread_create(&handler->thread, &attributes, run, handler);
    if (!error)
        handler->key.handler = handler;
    pthread_mutex_unlock(&filter_lock);
    pthread_attr_destroy(&attributes);
    return error;
}

int coro_set_handler(uintptr_t ident, int filter, uint32_t fflags, int flags, coro_handler call,
                     void *argument)
{
    if (!call || flags & ~CORO_PERSIST || (flags && filter == CORO_TIMER && !ident))
        return api_error(EINVAL);
    struct handler *handler = calloc(1, sizeof(*handler));
    if (!handler)
        return api_error(ENOMEM);
    handler->key.ident = ident;
    handler->key.filter = filter;
    handler->key.fflags = fflags;
    handler->persists = flags & CORO_PERSIST;
    handler->call = call;
    handler->argument = argument;
    int error = filter_open(&handler->key);
    if (error) {
        free(handler);
        return api_error(error);
    }
    error = start(handler);
    if (!error)
        return 0;
    free_it(handler);
    return api_error(error);
}

static bool is_live_handler(const struct filter_key *key)
{
    return key->handler && !((const struct handler *)key->handler)->cleared;
}

/* Ends a wait, and returns when the name is free again. Under the lock. */
static void end_wait(struct handler *handler)
{
    bool closed = false;
    handler->key.closed = &closed;
    pthread_cancel(handler->thread);
    while (!closed)
        pthread_cond_wait(&filter_closing, &filter_lock);
}

int coro_clear_handler(uintptr_t ident, int filter)
{
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_mutex_lock(&filter_lock);
    struct filter_key *key = filter_find(ident, filter, is_live_handler);
    if (key) {
        struct handler *handler = key->handler;
        handler->cleared = true;
        if (handler->waiting)
            end_wait(handler);
    }
    pthread_mutex_unlock(&filter_lock);
    pthread_setcancelstate(state, NULL);
    return key ? 0 : api_error(ENOENT);
}
