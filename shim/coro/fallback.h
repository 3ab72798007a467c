/* What a program compiled with CORO_WEAK does where the library isn't: coro_fallback_NAME answers for
 * coro_NAME; calls without one fail with ENOSYS (coro/weak.h, made by shim/api/gen-weak). */
#ifndef CORO_API_FALLBACK_H
#define CORO_API_FALLBACK_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

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

/* A thread's number is that of its first line among those of others. */
__attribute__((weak)) unsigned long coro_fallback_threads;
__attribute__((weak)) __thread unsigned long coro_fallback_thread;

/* The time and the thread's number, as the library writes them. */
static inline size_t coro_fallback_stamp(char *line, size_t bytes)
{
    long nanoseconds = 0;
    size_t at = 0;
#ifdef CLOCK_REALTIME
    struct timespec now;
    struct tm room, *local;
    clock_gettime(CLOCK_REALTIME, &now);
    local = localtime_r(&now.tv_sec, &room);
    nanoseconds = now.tv_nsec;
#else /* C without POSIX's declarations */
    time_t now = time(NULL);
    struct tm *local = localtime(&now);
#endif
    if (local)
        at = strftime(line, bytes, "%Y-%m-%d %H:%M:%S", local);
    if (!coro_fallback_thread)
        coro_fallback_thread = __atomic_add_fetch(&coro_fallback_threads, 1, __ATOMIC_RELAXED);
    return at + (size_t)snprintf(line + at, bytes - at, ".%06ld %lu ", nanoseconds / 1000,
                                 coro_fallback_thread);
}

static inline void coro_fallback_vprint_stderr(const char *format, va_list arguments)
{
    char line[1024];
    int error = errno, length;
    size_t at = coro_fallback_stamp(line, sizeof(line)), room = sizeof(line) - at - 1;
    length = vsnprintf(line + at, room, format, arguments);
    if (length > 0)
        at += (size_t)length < room ? (size_t)length : room - 1;
    line[at++] = '\n';
    if (write(2, line, at) <= 0)
        line[0] = 0; /* nobody hears */
    errno = error;
}

static inline ssize_t coro_fallback_where(coro_id id, char *buffer, size_t bytes)
{
    static const char text[] = "[nothing is known: coroshim is not running]";
    (void)id;
    if (bytes) {
        strncpy(buffer, text, bytes - 1);
        buffer[bytes - 1] = 0;
    }
    return (ssize_t)sizeof(text) - 1;
}

/* coro_with_timeout by SIGALRM, for one thread at a time (else EBUSY). It interrupts code anywhere, not
 * only at cancellation points, and runs neither cleanup handlers nor destructors. Arguments: any integers and
 * pointers up to six, floats and doubles up to eight, no structs (ENOSYS). */
#if defined(__x86_64__) && defined(sigsetjmp) && defined(SIG_SETMASK)

struct coro_fallback_limit {
    sigjmp_buf landing;
    double deadline;
    struct coro_fallback_limit *outer;
};

/* One of each in a program, however many of its files have them. */
__attribute__((weak)) struct coro_fallback_limit *volatile coro_fallback_limits;
__attribute__((weak)) pthread_t coro_fallback_owner;

static inline double coro_fallback_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline struct coro_fallback_limit *coro_fallback_first(void)
{
    struct coro_fallback_limit *at, *first = coro_fallback_limits;
    for (at = first; at; at = at->outer)
        if (at->deadline <= first->deadline)
            first = at;
    return first;
}

/* Sets the alarm for the limit that passes first. */
static inline void coro_fallback_arm(void)
{
    struct itimerval when;
    struct coro_fallback_limit *first = coro_fallback_first();
    double left = first ? first->deadline - coro_fallback_now() : 0;
    memset(&when, 0, sizeof(when));
    if (first && first->deadline < 1e18) {
        if (left < 1e-6)
            left = 1e-6;
        when.it_value.tv_sec = (time_t)left;
        when.it_value.tv_usec = (suseconds_t)((left - (double)(time_t)left) * 1e6);
        when.it_value.tv_usec += !when.it_value.tv_sec && !when.it_value.tv_usec;
    }
    setitimer(ITIMER_REAL, &when, NULL);
}

static inline void coro_fallback_rang(int number)
{
    struct coro_fallback_limit *first = coro_fallback_first();
    if (!first)
        return;
    if (!pthread_equal(pthread_self(), coro_fallback_owner)) {
        pthread_kill(coro_fallback_owner, number);
        return;
    }
    if (first->deadline <= coro_fallback_now()) {
        coro_fallback_limits = first->outer;
        siglongjmp(first->landing, 1);
    }
    coro_fallback_arm();
}

/* Registers take integers and floats apart, so one shape of call fits all. */
union coro_fallback_word {
    double d;
    float f;
    long l;
};

struct coro_fallback_call {
    coro_fn fn;
    char result;
    long i[6];
    union coro_fallback_word d[8];
};

static inline int coro_fallback_bind(struct coro_fallback_call *call, const char *at, va_list from)
{
    int ints = 0, floats = 0;
    if (!at || !call->fn)
        return EINVAL;
    if (!*at || !strchr("vbBhHiIlLqQpfd", *at) || at[1] != '(')
        return *at == '{' ? ENOSYS : EINVAL;
    call->result = *at;
    for (at += 2; *at && *at != ')'; at++) {
        if (*at == ' ' || *at == ',')
            continue;
        if (*at == '{' || ints == 6 || floats == 8)
            return ENOSYS;
        if (*at == 'd')
            call->d[floats++].d = va_arg(from, double);
        else if (*at == 'f')
            call->d[floats++].f = (float)va_arg(from, double);
        else if (strchr("lLqQp", *at))
            call->i[ints++] = va_arg(from, long);
        else if (strchr("bBhHiI", *at))
            call->i[ints++] = va_arg(from, int);
        else
            return EINVAL;
    }
    return *at == ')' && !at[1] ? 0 : EINVAL;
}

#define CORO_FALLBACK_CALL(type)                                                                   \
    ((type(*)(long, long, long, long, long, long, double, double, double, double, double, double,  \
              double, double))call->fn)(call->i[0], call->i[1], call->i[2], call->i[3],            \
                                        call->i[4], call->i[5], call->d[0].d, call->d[1].d,        \
                                        call->d[2].d, call->d[3].d, call->d[4].d, call->d[5].d,    \
                                        call->d[6].d, call->d[7].d)

static inline void coro_fallback_call(const struct coro_fallback_call *call, void *result)
{
    static const char letters[] = "bBhHiIlLqQp";
    static const char bytes[] = { 1, 1, 2, 2, 4, 4, 8, 8, 8, 8, 8 };
    union coro_fallback_word value;
    size_t size = 0;
    if (call->result == 'f') {
        value.f = CORO_FALLBACK_CALL(float);
        size = sizeof(float);
    } else if (call->result == 'd') {
        value.d = CORO_FALLBACK_CALL(double);
        size = sizeof(double);
    } else {
        value.l = CORO_FALLBACK_CALL(long);
        if (call->result != 'v')
            size = (size_t)bytes[strchr(letters, call->result) - letters];
    }
    if (result && size)
        memcpy(result, &value, size);
}

static inline int coro_fallback_run(const struct coro_fallback_call *call, double seconds,
                                    void *result)
{
    struct coro_fallback_limit limit;
    struct sigaction action, before;
    volatile int over = 1; /* told after the jump */
    memset(&action, 0, sizeof(action));
    action.sa_handler = coro_fallback_rang;
    limit.deadline = coro_fallback_now() + (seconds > 0 ? seconds : 0);
    limit.outer = coro_fallback_limits;
    sigaction(SIGALRM, &action, &before);
    if (!sigsetjmp(limit.landing, 1)) {
        coro_fallback_owner = pthread_self();
        coro_fallback_limits = &limit;
        coro_fallback_arm();
        coro_fallback_call(call, result);
        over = 0;
    }
    coro_fallback_limits = limit.outer;
    if (!limit.outer)
        sigaction(SIGALRM, &before, NULL);
    coro_fallback_arm();
    return over;
}

static inline int coro_fallback_vwith_timeout(double seconds, void *result, coro_fn fn,
                                              const char *signature, va_list arguments)
{
    struct coro_fallback_call call;
    int error;
    memset(&call, 0, sizeof(call));
    call.fn = fn;
    error = seconds != seconds ? EINVAL : coro_fallback_bind(&call, signature, arguments);
    if (!error && coro_fallback_limits && !pthread_equal(pthread_self(), coro_fallback_owner))
        error = EBUSY;
    if (!error && coro_fallback_run(&call, seconds, result))
        error = ETIMEDOUT;
    if (!error)
        return 0;
    errno = error;
    return -1;
}

#else /* another machine, or without POSIX's declarations (-std=c11 alone) */

static inline int coro_fallback_vwith_timeout(double seconds, void *result, coro_fn fn,
                                              const char *signature, va_list arguments)
{
    (void)seconds, (void)result, (void)fn, (void)signature, (void)arguments;
    errno = ENOSYS;
    return -1;
}

#endif

CORO_END

#endif
