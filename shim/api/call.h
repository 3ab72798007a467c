/* A function, its arguments and what it returns, kept for a call: signatures are in coro/thread.h. */
#ifndef CORO_API_CALL_H
#define CORO_API_CALL_H

#include "shim/coro/thread.h"

struct coro_call;

/* Reads @signature and copies the arguments. Returns 0, EINVAL, ELIBACC or ENOMEM. */
int api_call_make(struct coro_call **call, coro_fn fn, const char *signature, va_list arguments);

/* Calls the function, on the caller's stack; what it returns is kept in @call. Any number of times. */
void api_call_run(struct coro_call *call);

/* The function. */
coro_fn api_call_function(const struct coro_call *call);

/* Stores what it last returned in *@result, an object of its type (NULL: not wanted). */
void api_call_result(const struct coro_call *call, void *result);

/* The same as an outcome. */
void api_call_outcome(const struct coro_call *call, int error, struct coro_outcome *outcome);

/* NULL is harmless. */
void api_call_free(struct coro_call *call);

#endif
