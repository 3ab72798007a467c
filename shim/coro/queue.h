/* Queues: first in first out, and by priority.
 *
 * Any number of threads may push and pop. A value is a fixed number of bytes, a pointer for instance,
 * and is copied. A queue may have a limit: who pushes into a full one waits. Those who wait are served
 * first come, first served; what is pushed while somebody waits to pop goes straight to him. */
#ifndef CORO_API_QUEUE_H
#define CORO_API_QUEUE_H

#include "base.h"

CORO_BEGIN

/* ---- first in, first out ---- */

struct coro_fifo;

/* For values of @bytes (> 0, else EINVAL), at most @limit at a time; 0: any number. */
CORO_API struct coro_fifo *coro_fifo_new(size_t bytes, size_t limit);

/* Frees it and what is in it. NULL is allowed. EBUSY: somebody waits; close it first. */
CORO_API int coro_fifo_free(struct coro_fifo *fifo);

/* Adds *@value. ETIMEDOUT: it was full all the time; EPIPE: it is closed, or was while this waited;
 * EINVAL: not a number. WAITS when full. */
CORO_API int coro_fifo_push(struct coro_fifo *fifo, const void *value, double seconds);

/* Takes the first one into *@value. ETIMEDOUT: it was empty all the time; EPIPE: it is empty and
 * closed; EINVAL: not a number. WAITS when empty. */
CORO_API int coro_fifo_pop(struct coro_fifo *fifo, void *value, double seconds);

/* How many values are in it. */
CORO_API size_t coro_fifo_length(struct coro_fifo *fifo);

/* Nothing more goes in: whoever waits to push, or tries to, fails with EPIPE. What is in it can still be
 * popped; after that, EPIPE. Closing it again changes nothing. Returns 0. */
CORO_API int coro_fifo_close(struct coro_fifo *fifo);

/* Waits until it is empty. What was popped last may still be in work. ETIMEDOUT, EINVAL. WAITS. */
CORO_API int coro_fifo_drain(struct coro_fifo *fifo, double seconds);

/* ---- by priority ----
 *
 * The same, but the value with the highest priority comes first; among equal ones, the one that was
 * pushed first. */

struct coro_queue;

CORO_API struct coro_queue *coro_queue_new(size_t bytes, size_t limit);
CORO_API int coro_queue_free(struct coro_queue *queue);
CORO_API int coro_queue_push(struct coro_queue *queue, const void *value, long priority,
                             double seconds);

/* *@priority is set to the value's; NULL: not wanted. */
CORO_API int coro_queue_pop(struct coro_queue *queue, void *value, long *priority, double seconds);
CORO_API size_t coro_queue_length(struct coro_queue *queue);
CORO_API int coro_queue_close(struct coro_queue *queue);
CORO_API int coro_queue_drain(struct coro_queue *queue, double seconds);

CORO_END

#endif
