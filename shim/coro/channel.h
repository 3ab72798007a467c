/* Channels: two threads meet to hand over a value.
 *
 * A channel holds nothing: who sends waits until somebody receives, and the other way round. First
 * come, first served. A value is a fixed number of bytes, a pointer for instance, copied from the sender
 * to the receiver. Any number of threads may send and receive. When a sender meets a receiver that
 * waits, the receiver runs at once, and the sender goes behind all that can run. */
#ifndef CORO_API_CHANNEL_H
#define CORO_API_CHANNEL_H

#include "base.h"

CORO_BEGIN

struct coro_channel;

/* For values of @bytes, which may be 0: then the meeting is all. */
CORO_API struct coro_channel *coro_channel_new(size_t bytes);

/* Frees it. NULL is allowed. EBUSY: somebody waits; close it first. */
CORO_API int coro_channel_free(struct coro_channel *channel);

/* Hands over *@value. It was received, exactly once, when this returns 0, and was not otherwise.
 * ETIMEDOUT; EPIPE: the channel is closed, or was while this waited; EINVAL: not a number. WAITS. */
CORO_API int coro_channel_send(struct coro_channel *channel, const void *value, double seconds);

/* The same, with an error instead of a value: the receiver's call fails with @error (> 0, else EINVAL). */
CORO_API int coro_channel_send_error(struct coro_channel *channel, int error, double seconds);

/* Stores what the first sender hands over in *@value. ETIMEDOUT; EPIPE, EINVAL as above; any other
 * error was sent by coro_channel_send_error. WAITS. */
CORO_API int coro_channel_receive(struct coro_channel *channel, void *value, double seconds);

/* How many threads wait to send, and to receive. */
CORO_API size_t coro_channel_has_sender(struct coro_channel *channel);
CORO_API size_t coro_channel_has_receiver(struct coro_channel *channel);

/* Nothing more is handed over: whoever waits, and whoever comes, fails with EPIPE. Closing it again
 * changes nothing. Returns 0. */
CORO_API int coro_channel_close(struct coro_channel *channel);

CORO_END

#endif
