/* Who runs when: see shim/coro/sched.h. */
#define _GNU_SOURCE
#include "shim/coro/sched.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "interpose/activation.h"
#include "shim/api/park.h"
#include "shim/api/thread.h"
#include "shim/conf.h"

#define SELFISHNESS_MAX 32768
#define LINE_BYTES      1024

int coro_is_running(void)
{
    return api_is_running();
}

void coro_yield(void)
{
    api_yield();
}

static int result_of(int error)
{
    return error ? api_error(-error) : 0;
}

int coro_set_priority(coro_id id, enum coro_priority priority)
{
    if ((unsigned)priority > CORO_PRIORITY_FIRST)
        return api_error(EINVAL);
    if (!api_is_running())
        return api_error(ENOSYS);
    return result_of(api_set_priority(id ? id : coro_current(), (unsigned)priority));
}

int coro_set_selfishness(coro_id id, uint32_t calls)
{
    if (calls > SELFISHNESS_MAX)
        return api_error(EINVAL);
    if (!api_is_running())
        return api_error(ENOSYS);
    return result_of(api_set_selfishness(id ? id : coro_current(), calls));
}

double coro_set_latency_warning(double factor)
{
    double before = (double)conf.latency_warning_ns / CONF_FACTOR_NS;
    if (!(factor >= 0 && factor <= 300))
        return api_error(EINVAL);
    conf.latency_warning_ns = (uint64_t)(factor * CONF_FACTOR_NS);
    if (api_is_running())
        steer_apply_conf();
    return before;
}

/* The thread that calls the hook sleeps on @bell; it ends when there is no hook. */
static struct {
    pthread_mutex_t lock;
    coro_latency_fn hook;
    coro_id thread; /* 0: none */
    uint32_t bell;
} latency = { .lock = PTHREAD_MUTEX_INITIALIZER };

static coro_latency_fn hook_or_end(void)
{
    pthread_mutex_lock(&latency.lock);
    coro_latency_fn hook = latency.hook;
    if (!hook)
        latency.thread = 0;
    pthread_mutex_unlock(&latency.lock);
    return hook;
}

static void watch_latency(void)
{
    static const struct api_reason reason = { .kind = WAIT_EVENT,
                                              .about = (uintptr_t)&latency.bell };
    coro_latency_fn hook;
    uint64_t id, held_ns;
    while ((hook = hook_or_end())) {
        __atomic_store_n(&latency.bell, 0, __ATOMIC_SEQ_CST);
        while (api_take_stall(&id, &held_ns))
            hook(id, (double)held_ns / (double)NSEC_PER_SEC);
        api_park(&latency.bell, &reason, DEADLINE_NEVER);
    }
}

void api_forget_hooks(void)
{
    pthread_mutex_init(&latency.lock, NULL);
    latency.hook = NULL;
    latency.thread = 0;
}

int coro_set_latency_hook(coro_latency_fn hook)
{
    int error = 0;
    api_bring_up();
    if (!api_is_running())
        return api_error(ENOSYS);
    pthread_mutex_lock(&latency.lock);
    latency.hook = hook;
    api_watch_stalls(hook ? &latency.bell : NULL);
    if (hook && !latency.thread) {
        latency.thread = coro_spawn("latency hook", (coro_fn)watch_latency, "v()");
        error = latency.thread ? 0 : errno;
        coro_detach(latency.thread);
    }
    pthread_mutex_unlock(&latency.lock);
    __atomic_store_n(&latency.bell, 1, __ATOMIC_SEQ_CST);
    api_unpark(&latency.bell, false);
    return error ? api_error(error) : 0;
}

/* One write(2), cut where it has to be. */
void coro_vprint_stderr(const char *format, va_list arguments)
{
    char line[LINE_BYTES];
    struct timespec now;
    struct tm local;
    int error = errno;
    size_t at = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &local))
        at = strftime(line, sizeof(line), "%Y-%m-%d %H:%M:%S", &local);
    at += (size_t)snprintf(line + at, sizeof(line) - at, ".%06ld %lu ", now.tv_nsec / 1000,
                           (unsigned long)coro_current());
    int length = vsnprintf(line + at, sizeof(line) - at - 1, format, arguments);
    if (length > 0)
        at += (size_t)length < sizeof(line) - at - 1 ? (size_t)length : sizeof(line) - at - 2;
    line[at++] = '\n';
    (void)!write(STDERR_FILENO, line, at);
    errno = error;
}

void coro_print_stderr(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    coro_vprint_stderr(format, arguments);
    va_end(arguments);
}
