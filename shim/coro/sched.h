/* Who runs when. */
#ifndef CORO_API_SCHED_H
#define CORO_API_SCHED_H

#include "base.h"

CORO_BEGIN

/* 1: this process's threads are coroutines; 0: they are not, or the library isn't there. A process has
 * no coroutines before its first thread. Never fails. */
CORO_API int coro_is_running(void);

/* Lets all others that can run do so; the caller runs again in the next pass. */
CORO_API void coro_yield(void);

/* Where a thread goes in the queue of those that can run, when it is woken. */
enum coro_priority {
    CORO_PRIORITY_DEFAULT, /* as CORO_PRIORITY says for the process */
    CORO_PRIORITY_LAST,    /* behind all */
    CORO_PRIORITY_CORO,    /* before all when another thread woke it */
    CORO_PRIORITY_OP,      /* before all when what it waited for came: a descriptor, a time */
    CORO_PRIORITY_FIRST,   /* before all */
};

/* For thread @id, 0: the calling one. Going before all is granted so often between two looks at the
 * descriptors that nobody is kept out. Returns 0; ESRCH, EINVAL; ENOSYS: no coroutines. */
CORO_API int coro_set_priority(coro_id id, enum coro_priority priority);

/* How many calls on descriptors thread @id (0: the calling one) may complete at once before others get a
 * turn: 1 to 32768, 0: the process's, which is CORO_SELFISHNESS. Returns 0; ESRCH, EINVAL, ENOSYS. */
CORO_API int coro_set_selfishness(coro_id id, uint32_t calls);

/* How long a thread may keep the others from running before the log tells, as a multiple of 0.2 seconds:
 * 0 to 300, 0 is never (CORO_LATENCY_WARNING). Returns what it was, or -1: EINVAL. */
CORO_API double coro_set_latency_warning(double factor);

/* @hook is called, in a thread of its own, when one has kept the others from running for that long, with its
 * id and the time so far; NULL: no more. Slices (CORO_SLICE) end a turn before that; those that they can't are
 * meant, and all when they are off. Threads that hold on are told once each time. ENOSYS: no
 * coroutines. */
typedef void (*coro_latency_fn)(coro_id id, double seconds);
CORO_API int coro_set_latency_hook(coro_latency_fn hook);

/* @hook is called in every thread made by coro_new or coro_spawn that ends without returning, after its
 * cleanup handlers, with the error that a join will tell; NULL: no more. Returns the one before. */
typedef void (*coro_exception_fn)(coro_id id, const char *name, int error);
CORO_API coro_exception_fn coro_set_exception_hook(coro_exception_fn hook);

/* A line to standard error, with the time and the thread's id before it; the end of the line is added.
 * In one piece, without stdio's lock. Never fails; leaves errno alone. Where the library may be absent
 * (CORO_WEAK) and is, threads are numbered as they write their first lines. */
CORO_API void coro_print_stderr(const char *format, ...) __attribute__((format(printf, 1, 2)));
CORO_API void coro_vprint_stderr(const char *format, va_list arguments);

CORO_END

#endif
