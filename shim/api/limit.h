/* Time limits around calls, above the gate: their frames, and how the stack is unwound to one. */
#ifndef CORO_API_LIMIT_H
#define CORO_API_LIMIT_H

#include <setjmp.h>
#include <time.h>
#include <unwind.h>

#include "interpose/limit.h"

struct coro_call;

/* One limit: in memory of its own, since a program that jumps past the frame leaves it behind. */
struct api_limit {
    struct limit limit; /* the operations' part */
    jmp_buf landing;    /* in the frame of api_limit_run */
    uintptr_t place;    /* an address in it: all that is inside lies below */
    void *buffer;       /* libc's lists of cleanup handlers when it began, see unwind_to */
    void *handlers;
    int cancel_type;
    bool told;     /* a call of @call's was ended because of it */
    timer_t clock; /* natively */
    bool ticking;
    struct _Unwind_Exception exception;
};

/* Calls @call's function until @deadline_ns. True: the time was over first, and the stack has been unwound to
 * here (@unwinds), or calls were ended (not @unwinds). Returns -ENOMEM, -ELIBACC (no libgcc_s), 0 or 1.
 * WAITS if the function does. */
int api_limit_run(struct coro_call *call, uint64_t deadline_ns, bool unwinds);

/* The deadline of the running thread's nearest limit, or DEADLINE_NEVER. */
uint64_t api_limit_next(void);

/* Acts on the limit that is due: unwinds, or returns ETIMEDOUT when @parked and calls are to end, or 0. */
int api_limit_leave(bool parked);

#endif
