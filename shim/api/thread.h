/* Between the files that make, join and describe threads. */
#ifndef CORO_API_THREADS_H
#define CORO_API_THREADS_H

#include "shim/api/registry.h"

/* Why thread @id, which was not made here, can't be joined: EINVAL or ESRCH. */
int api_error_of_stranger(coro_id id);

/* coro_join with a deadline; @result or @outcome may be NULL. Returns 0 or an error number; how it
 * ended is none. WAITS. */
int api_join(coro_id id, uint64_t deadline_ns, void *result, struct coro_outcome *outcome);

#endif
