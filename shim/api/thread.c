/* Threads with arguments: see shim/coro/thread.h.
 *
 * A thread is a POSIX thread with a record in the registry. It is joined by its record: its last act there
 * wakes who waits, and only then pthread_join waits for the little that is left. So a join has a time
 * limit and can be given up without harm. */
#define _GNU_SOURCE
#include "shim/coro/thread.h"

#include "shim/coro/sched.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/api/park.h"
#include "shim/api/registry.h"
#include "shim/api/thread.h"

static void copy_name(char *to, const char *from)
{
    strncpy(to, from ? from : "", CORO_NAME_BYTES - 1);
    to[CORO_NAME_BYTES - 1] = 0;
}

/* Observers see it until it is hidden. */
static void show(struct api_thread *thread)
{
    thread->unstarted.id = thread->id;
    thread->unstarted.creator_id = thread->parent_id;
    memcpy(thread->unstarted.name, thread->name, sizeof(thread->unstarted.name));
    api_show_unstarted(&thread->unstarted);
}

static void hide(struct api_thread *thread)
{
    if (!list_empty(&thread->unstarted.link))
        api_hide_unstarted(&thread->unstarted);
}

/* @shown: to observers; not worth it when it is started at once. */
static coro_id make(const char *name, coro_fn fn, const char *signature, va_list arguments,
                    bool shown)
{
    struct coro_call *call;
    int error = api_call_make(&call, fn, signature, arguments);
    if (error)
        return (coro_id)(api_error(error) + 1);
    api_bring_up();
    api_registry_lock();
    struct api_thread *thread = api_thread_add();
    coro_id id = thread ? thread->id : 0;
    if (thread) {
        thread->call = call;
        copy_name(thread->name, name);
        if (shown)
            show(thread);
    }
    api_registry_unlock();
    if (!thread) {
        api_call_free(call);
        errno = ENOMEM;
    }
    return id;
}

coro_id coro_vnew(const char *name, coro_fn fn, const char *signature, va_list arguments)
{
    return make(name, fn, signature, arguments, true);
}

coro_id coro_new(const char *name, coro_fn fn, const char *signature, ...)
{
    va_list arguments;
    va_start(arguments, signature);
    coro_id id = coro_vnew(name, fn, signature, arguments);
    va_end(arguments);
    return id;
}

static coro_exception_fn exception_hook;

coro_exception_fn coro_set_exception_hook(coro_exception_fn hook)
{
    return __atomic_exchange_n(&exception_hook, hook, __ATOMIC_ACQ_REL);
}

/* However it ends: the last it does here. */
static void thread_ends(void *argument)
{
    struct api_thread *thread = argument;
    coro_exception_fn hook = __atomic_load_n(&exception_hook, __ATOMIC_ACQUIRE);
    if (!thread->returned && !thread->error)
        thread->error = ECANCELED;
    if (!thread->returned && hook)
        hook(thread->id, thread->name, thread->error);
    api_registry_lock();
    thread->state = API_ENDED;
    struct api_waiter *joiner = api_first(&thread->joiner);
    if (joiner)
        api_wake(joiner, 0, API_LAST);
    if (thread->detached) {
        pthread_detach(pthread_self());
        api_thread_remove(thread);
    }
    api_registry_unlock();
}

/* False: it was shut down meanwhile. */
static bool may_begin(struct api_thread *thread)
{
    api_registry_lock();
    thread->state = API_STARTED;
    thread->has_handle = true;
    thread->tid = gettid();
    bool wanted = !thread->unwanted;
    api_registry_unlock();
    return wanted;
}

static void *thread_begins(void *argument)
{
    struct api_thread *thread = argument;
    pthread_cleanup_push(thread_ends, thread);
    api_set_self(thread);
    if (thread->name[0])
        pthread_setname_np(pthread_self(), thread->name);
    if (may_begin(thread)) {
        api_call_run(thread->call);
        thread->returned = true;
        thread->error = 0;
    }
    pthread_cleanup_pop(1);
    return NULL;
}

/* Once it is there the record may be gone at any time. When it can't be made, it may be tried again. */
static int start(struct api_thread *thread)
{
    coro_id id = thread->id;
    api_number_child(id);
    int error = pthread_create(&thread->handle, NULL, thread_begins, thread);
    api_number_child(0);
    if (!error)
        return 0;
    api_registry_lock();
    thread->state = API_NEW;
    if (thread->unwanted)
        api_thread_remove(thread);
    else
        show(thread);
    api_registry_unlock();
    return error;
}

int coro_start(coro_id id)
{
    api_registry_lock();
    struct api_thread *thread = api_find(id);
    int error = !thread ? ESRCH : thread->state != API_NEW ? EALREADY : 0;
    if (!error) {
        thread->state = API_STARTING;
        hide(thread);
    }
    api_registry_unlock();
    if (!error)
        error = start(thread);
    return error ? api_error(error) : 0;
}

coro_id coro_vspawn(const char *name, coro_fn fn, const char *signature, va_list arguments)
{
    coro_id id = make(name, fn, signature, arguments, false);
    if (!id || coro_start(id) == 0)
        return id;
    int error = errno;
    coro_shutdown(id);
    errno = error;
    return 0;
}

coro_id coro_spawn(const char *name, coro_fn fn, const char *signature, ...)
{
    va_list arguments;
    va_start(arguments, signature);
    coro_id id = coro_vspawn(name, fn, signature, arguments);
    va_end(arguments);
    return id;
}

/* Asks it to end with @error. A record that was never started ends at once. Under the lock. */
static void ask_to_end(struct api_thread *thread, int error)
{
    if (!thread->error)
        thread->error = error;
    hide(thread);
    if (thread->state == API_NEW)
        thread->state = API_ENDED;
    else if (thread->state == API_STARTING)
        thread->unwanted = true;
    else
        pthread_cancel(thread->handle);
}

void coro_shutdown(coro_id id)
{
    int before = errno;
    api_registry_lock();
    struct api_thread *thread = api_find(id);
    if (thread && thread->state == API_NEW)
        api_thread_remove(thread);
    else if (thread && thread->state != API_ENDED && thread->state != API_FOREIGN)
        ask_to_end(thread, ECANCELED);
    api_registry_unlock();
    errno = before;
}

/* Is there a thread of that id, though none of ours? */
int api_error_of_stranger(coro_id id)
{
    struct co_info info;
    return id == coro_current() || api_runtime_info(id, &info) ? EINVAL : ESRCH;
}

int coro_raise(coro_id id, int error)
{
    int failed = 0;
    if (error <= 0)
        return api_error(EINVAL);
    api_registry_lock();
    struct api_thread *thread = api_find(id);
    if (!thread || thread->state == API_FOREIGN)
        failed = api_error_of_stranger(id);
    else if (thread->state == API_ENDED)
        failed = ESTALE;
    else
        ask_to_end(thread, error);
    api_registry_unlock();
    return failed ? api_error(failed) : 0;
}

int coro_fail(int error)
{
    api_registry_lock();
    struct api_thread *thread = api_self();
    if (thread && error > 0)
        thread->error = error;
    api_registry_unlock();
    if (!thread || error <= 0)
        return api_error(EINVAL);
    pthread_exit(NULL);
}

int coro_detach(coro_id id)
{
    pthread_t handle;
    bool ended = false;
    api_registry_lock();
    struct api_thread *thread = api_find(id);
    int error = 0;
    if (!thread || thread->state == API_FOREIGN)
        error = api_error_of_stranger(id);
    else if (thread->state == API_NEW || thread->detached)
        error = EINVAL;
    else if (thread->joined)
        error = EBUSY;
    else if (thread->state == API_ENDED) {
        ended = thread->has_handle;
        handle = thread->handle;
        api_thread_remove(thread);
    } else
        thread->detached = true;
    api_registry_unlock();
    if (ended)
        pthread_detach(handle);
    return error ? api_error(error) : 0;
}
