/* Channels (coro/channel.h): a meeting of senders and receivers. Never do both wait at a time, for the
 * one who comes second completes the first: the receiver's buffer or the sender's value is on the
 * stack of whoever waits. */
#include <stdlib.h>
#include <string.h>

#include "shim/api/meeting.h"
#include "shim/coro/channel.h"

struct coro_channel {
    struct meeting meeting;
    size_t bytes;
    bool closed;
};

struct coro_channel *coro_channel_new(size_t bytes)
{
    struct coro_channel *channel = malloc(sizeof(*channel));
    if (!channel)
        return NULL;
    *channel = (struct coro_channel){ .bytes = bytes };
    meeting_init(&channel->meeting, WAIT_CHANNEL);
    return channel;
}

int coro_channel_free(struct coro_channel *channel)
{
    int error = channel ? meeting_end(&channel->meeting) : 0;
    if (!error)
        free(channel);
    return meeting_result(error);
}

static inline void copy(const struct coro_channel *channel, void *to, const void *from)
{
    if (likely(channel->bytes == sizeof(void *)))
        memcpy(to, from, sizeof(void *));
    else if (channel->bytes)
        memcpy(to, from, channel->bytes);
}

static INLINE int send(struct coro_channel *channel, struct waiter *self, double seconds)
{
    struct visit visit;
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return -EINVAL;
    int error = meeting_enter(&visit, &channel->meeting, timeout);
    if (error)
        return error;
    do {
        if (channel->closed) {
            meeting_leave(&visit);
            return -EPIPE;
        }
        struct waiter *receiver = meeting_first(&channel->meeting, TAKERS);
        if (receiver) {
            if (likely(!self->error))
                copy(channel, receiver->value, self->value);
            meeting_hand_over(&visit, receiver, -self->error);
            return 0;
        }
        error = meeting_wait(&visit, GIVERS, self);
    } while (error == MEETING_AGAIN);
    return error;
}

int coro_channel_send(struct coro_channel *channel, const void *value, double seconds)
{
    struct waiter self = { .value = (void *)value };
    return meeting_result(send(channel, &self, seconds));
}

int coro_channel_send_error(struct coro_channel *channel, int error, double seconds)
{
    struct waiter self = { .error = error };
    return meeting_result(error > 0 ? send(channel, &self, seconds) : -EINVAL);
}

static INLINE int receive(struct coro_channel *channel, struct waiter *self, double seconds)
{
    struct visit visit;
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return -EINVAL;
    int error = meeting_enter(&visit, &channel->meeting, timeout);
    if (error)
        return error;
    do {
        struct waiter *sender = meeting_first(&channel->meeting, GIVERS);
        if (sender) {
            error = -sender->error;
            if (likely(!error))
                copy(channel, self->value, sender->value);
            meeting_wake(&channel->meeting, sender, 0);
            meeting_leave(&visit);
            return error;
        }
        if (channel->closed) {
            meeting_leave(&visit);
            return -EPIPE;
        }
        error = meeting_wait(&visit, TAKERS, self);
    } while (error == MEETING_AGAIN);
    return error;
}

int coro_channel_receive(struct coro_channel *channel, void *value, double seconds)
{
    struct waiter self = { .value = value };
    return meeting_result(receive(channel, &self, seconds));
}

size_t coro_channel_has_sender(struct coro_channel *channel)
{
    return meeting_count(&channel->meeting, GIVERS);
}

size_t coro_channel_has_receiver(struct coro_channel *channel)
{
    return meeting_count(&channel->meeting, TAKERS);
}

int coro_channel_close(struct coro_channel *channel)
{
    struct visit visit;
    int error = meeting_enter(&visit, &channel->meeting, DONT_WAIT);
    if (error)
        return meeting_result(error);
    channel->closed = true;
    meeting_wake_all(&channel->meeting, TAKERS, -EPIPE);
    meeting_wake_all(&channel->meeting, GIVERS, -EPIPE);
    meeting_leave(&visit);
    return 0;
}
