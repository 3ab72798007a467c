/* Calls again and again: see shim/coro/parallel.h.
 *
 * A task is a detached thread that waits, calls, and so on. Its lock guards all but the call. When a call does not
 * return (coro_fail, a cancellation), its thread ends with it: the cleanup handler says so in the log and
 * starts another thread for the next call. So the task's thread may change, and nobody joins it: who stops the
 * task waits for `ended`. A task stopped from within its call is freed by its last thread.
 *
 * A rate is kept by absolute times, so what one call or pause took too long is taken off the next pauses. But a
 * delay of more than BURST intervals is given up, lest a stall be followed by a storm. */
#define _GNU_SOURCE
#include "shim/coro/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shim/api/call.h"
#include "shim/api/park.h"
#include "shim/api/thread.h"
#include "shim/log.h"
#include "shim/where.h"

#define BURST        10 /* intervals */
#define RATE_MAX     1e9
#define INTERVAL_MAX 1e9

enum task_kind { LATER, INTERVAL, RATE, LOOP };

struct coro_task {
    pthread_mutex_t lock;
    struct list pause;    /* api_waiter: the thread between calls */
    struct list stoppers; /* api_waiter: in coro_task_stop */
    struct coro_call *call;
    enum task_kind kind;
    uint64_t interval_ns;
    uint64_t due_ns; /* the next call; 0: at once */
    uint64_t calls;
    coro_id thread;
    bool calling;
    bool stopping; /* no more calls */
    bool ended;    /* no more threads */
    bool orphan;   /* nobody waits for the end */
};

static const char *const names[] = { "later", "interval", "rate", "loop" };

/* Of all tasks together; under the registry's lock. */
static struct log_limit failures;

static void free_task(struct coro_task *task)
{
    api_call_free(task->call);
    free(task);
}

/* The last that the task's threads do. The lock is held, and then gone. */
static void end_task(struct coro_task *task)
{
    bool orphan = task->orphan;
    task->ended = true;
    api_wake_all(&task->stoppers, 0);
    pthread_mutex_unlock(&task->lock);
    if (orphan)
        free_task(task);
}

static void plan_next(struct coro_task *task)
{
    uint64_t now = api_now_ns();
    if (task->kind == RATE) {
        task->due_ns += task->interval_ns;
        if (task->due_ns + BURST * task->interval_ns < now)
            task->due_ns = now;
    } else if (task->kind == INTERVAL) {
        task->due_ns = now + task->interval_ns;
    } else if (task->kind == LATER) {
        task->stopping = true;
    }
}

/* Returns with the lock; false: it is to end. */
static bool wait_until_due(struct coro_task *task)
{
    pthread_mutex_lock(&task->lock);
    while (!task->stopping && task->due_ns > api_now_ns()) {
        struct api_waiter waiter = { .reason = { .kind = WAIT_SLEEP } };
        api_wait(&task->pause, &task->lock, &waiter, task->due_ns);
    }
    return !task->stopping;
}

static int start_thread(struct coro_task *task);

/* What coro_fail or coro_raise gave; false: there is enough in the log. */
static bool may_tell(int *error, uint32_t *unsaid)
{
    api_registry_lock();
    const struct api_thread *self = api_self();
    *error = self && self->error ? self->error : ECANCELED;
    bool lets = log_limit_lets(&failures, api_now_ns(), unsaid);
    api_registry_unlock();
    return lets;
}

/* A function that fails at once does so thousands of times a second. */
static void tell_failure(const struct coro_task *task)
{
    char function[256], text[64], more[64] = "";
    int error;
    uint32_t unsaid;
    if (!log_takes(LOG_WARN) || !may_tell(&error, &unsaid))
        return;
    where_function((uintptr_t)api_call_function(task->call), function, sizeof(function));
    if (unsaid)
        format_text(more, sizeof(more), ", %u more such since the last line", unsaid);
    log_line(LOG_WARN, "coro_%s in thread %lu: %s did not return: error %d (%s)%s",
             names[task->kind], (unsigned long)task->thread, function, error,
             strerror_r(error, text, sizeof(text)), more);
}

/* The thread was unwound: out of the call, or, by somebody who has its id, between two. */
static void thread_left(void *argument)
{
    struct coro_task *task = argument;
    pthread_mutex_lock(&task->lock);
    if (task->calling && !task->stopping) {
        tell_failure(task);
        task->calling = false;
        task->calls++;
        plan_next(task);
        if (!task->stopping && start_thread(task) == 0) {
            pthread_mutex_unlock(&task->lock);
            return;
        }
    }
    task->calling = false;
    end_task(task);
}

static void run(struct coro_task *task)
{
    pthread_cleanup_push(thread_left, task);
    while (wait_until_due(task)) {
        task->calling = true;
        task->thread = coro_current();
        pthread_mutex_unlock(&task->lock);
        api_call_run(task->call);
        pthread_mutex_lock(&task->lock);
        task->calling = false;
        task->calls++;
        plan_next(task);
        pthread_mutex_unlock(&task->lock);
        if (task->kind == LOOP) {
            pthread_testcancel();
            api_yield();
        }
    }
    pthread_cleanup_pop(0);
    end_task(task);
}

/* Returns 0 or an error number. */
static int start_thread(struct coro_task *task)
{
    coro_id id = coro_spawn(names[task->kind], (coro_fn)run, "v(p)", task);
    if (!id)
        return errno;
    task->thread = id;
    coro_detach(id);
    return 0;
}

/* @seconds: between calls; until the first one unless @immediate. */
static struct coro_task *make(enum task_kind kind, double seconds, bool immediate, coro_fn fn,
                              const char *signature, va_list arguments)
{
    int error = isnan(seconds) || seconds > INTERVAL_MAX ? EINVAL : 0;
    struct coro_task *task = error ? NULL : calloc(1, sizeof(*task));
    if (!error)
        error = task ? api_call_make(&task->call, fn, signature, arguments) : ENOMEM;
    if (!error) {
        pthread_mutex_init(&task->lock, NULL);
        list_init(&task->pause);
        list_init(&task->stoppers);
        task->kind = kind;
        task->interval_ns = seconds > 0 ? (uint64_t)(seconds * (double)NSEC_PER_SEC) : 0;
        task->due_ns = api_now_ns() + (immediate ? 0 : task->interval_ns);
        pthread_mutex_lock(&task->lock);
        error = start_thread(task);
        pthread_mutex_unlock(&task->lock);
    }
    if (!error)
        return task;
    if (task)
        free_task(task);
    errno = error;
    return NULL;
}

#define WITH_ARGUMENTS(call)                                                                       \
    va_list arguments;                                                                             \
    va_start(arguments, signature);                                                                \
    struct coro_task *task = call;                                                                 \
    va_end(arguments);                                                                             \
    return task

struct coro_task *coro_vlater(double seconds, coro_fn fn, const char *signature, va_list arguments)
{
    return make(LATER, seconds, false, fn, signature, arguments);
}

struct coro_task *coro_later(double seconds, coro_fn fn, const char *signature, ...)
{
    WITH_ARGUMENTS(coro_vlater(seconds, fn, signature, arguments));
}

struct coro_task *coro_vinterval(double seconds, int immediate, coro_fn fn, const char *signature,
                                 va_list arguments)
{
    return make(INTERVAL, seconds, immediate, fn, signature, arguments);
}

struct coro_task *coro_interval(double seconds, int immediate, coro_fn fn, const char *signature,
                                ...)
{
    WITH_ARGUMENTS(coro_vinterval(seconds, immediate, fn, signature, arguments));
}

struct coro_task *coro_vrate(double per_second, coro_fn fn, const char *signature,
                             va_list arguments)
{
    bool valid = per_second > 0 && per_second <= RATE_MAX;
    return make(RATE, valid ? 1 / per_second : NAN, true, fn, signature, arguments);
}

struct coro_task *coro_rate(double per_second, coro_fn fn, const char *signature, ...)
{
    WITH_ARGUMENTS(coro_vrate(per_second, fn, signature, arguments));
}

struct coro_task *coro_vloop(coro_fn fn, const char *signature, va_list arguments)
{
    return make(LOOP, 0, true, fn, signature, arguments);
}

struct coro_task *coro_loop(coro_fn fn, const char *signature, ...)
{
    WITH_ARGUMENTS(coro_vloop(fn, signature, arguments));
}

/* Whoever waits for the end gives up: the last thread frees the task. */
static void gave_up(struct api_waiter *waiter)
{
    ((struct coro_task *)waiter->object)->orphan = true;
}

int coro_task_stop(struct coro_task *task, int now)
{
    struct api_waiter waiter = { .object = task, .left = gave_up };
    pthread_mutex_lock(&task->lock);
    task->stopping = true;
    bool within = task->calling && task->thread == coro_current();
    if (within) {
        task->orphan = true;
    } else {
        api_wake_all(&task->pause, 0);
        if (now && task->calling)
            coro_shutdown(task->thread);
        waiter.reason = (struct api_reason){ .kind = WAIT_JOIN, .tid = api_tid_of(task->thread) };
        while (!task->ended)
            api_wait(&task->stoppers, &task->lock, &waiter, DEADLINE_NEVER);
    }
    pthread_mutex_unlock(&task->lock);
    if (within)
        return api_error(EDEADLK);
    free_task(task);
    return 0;
}

uint64_t coro_task_calls(const struct coro_task *task)
{
    return __atomic_load_n(&task->calls, __ATOMIC_RELAXED);
}

coro_id coro_task_thread(const struct coro_task *task)
{
    return __atomic_load_n(&task->thread, __ATOMIC_RELAXED);
}
