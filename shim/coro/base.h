/* coroshim's C API: what all its headers share. Programs include <coro.h>. */
#ifndef CORO_API_BASE_H
#define CORO_API_BASE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
#define CORO_BEGIN extern "C" {
#define CORO_END   }
#else
#define CORO_BEGIN
#define CORO_END
#endif

/* Marks what the library offers. With CORO_WEAK the program may run without it: coro.h. */
#ifdef CORO_WEAK
#define CORO_API __attribute__((weak))
#else
#define CORO_API __attribute__((visibility("default")))
#endif

/* Time that never runs out, where a function takes seconds. */
#define CORO_FOREVER __builtin_inf()

CORO_BEGIN

/* A thread: 1 is the first, 0 is none. Never given again while the process lives. */
typedef uint64_t coro_id;

/* Any C function. What it takes and returns is in its signature, see coro/thread.h. */
typedef void (*coro_fn)(void);

CORO_END

#endif
