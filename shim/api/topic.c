/* Topics (coro/event.h): one ring of messages for all subscribers, each of which knows the number of the
 * message that it receives next. A message leaves when the last has received it.
 *
 * Takers wait only when their subscription has nothing to receive, so a new message goes straight to
 * them. Givers wait only while the ring is at its limit; whoever makes room posts the first one's. */
#include <stdlib.h>

#include "shim/api/meeting.h"
#include "shim/api/ring.h"
#include "shim/coro/event.h"

struct message {
    size_t left; /* subscribers that have not received it */
    char bytes[];
};

struct coro_topic {
    struct meeting meeting;
    size_t bytes, limit;
    bool closed;
    struct ring messages; /* struct message */
    uint64_t first;       /* number of the first in the ring */
    size_t subscribers;
    struct list subscriptions;
};

struct coro_subscription {
    struct coro_topic *topic;
    struct list link;
    uint64_t next; /* number of the message to receive */
};

/* What a taker's waiter points to. */
struct wish {
    struct coro_subscription *subscription;
    void *message;
};

struct coro_topic *coro_topic_new(size_t bytes, size_t limit)
{
    struct coro_topic *topic = bytes ? malloc(sizeof(*topic)) : NULL;
    if (!bytes)
        errno = EINVAL;
    if (!topic)
        return NULL;
    *topic = (struct coro_topic){ .bytes = bytes, .limit = limit };
    topic->messages.bytes = align_up(sizeof(struct message) + bytes, sizeof(size_t));
    list_init(&topic->subscriptions);
    meeting_init(&topic->meeting, WAIT_EVENT);
    return topic;
}

int coro_topic_free(struct coro_topic *topic)
{
    int error = topic ? meeting_end(&topic->meeting) : 0;
    if (!error && topic && topic->subscribers)
        error = -EBUSY;
    if (!error && topic) {
        free(topic->messages.memory);
        free(topic);
    }
    return meeting_result(error);
}

static struct message *message_at(const struct coro_topic *topic, uint64_t number)
{
    return ring_at(&topic->messages, number - topic->first);
}

/* Copies the next message of @subscription, which has one. */
static void receive_next(struct coro_subscription *subscription, void *to)
{
    const struct coro_topic *topic = subscription->topic;
    struct message *message = message_at(topic, subscription->next++);
    memcpy(to, message->bytes, topic->bytes);
    message->left--;
}

static bool has_next(const struct coro_subscription *subscription)
{
    const struct coro_topic *topic = subscription->topic;
    return subscription->next < topic->first + topic->messages.count;
}

static void drop_received(struct coro_topic *topic)
{
    for (; topic->messages.count && !message_at(topic, topic->first)->left; topic->first++)
        ring_drop(&topic->messages);
}

static bool is_full(const struct coro_topic *topic)
{
    return topic->limit && topic->messages.count >= topic->limit;
}

/* There is room. */
static void post(struct coro_topic *topic, const void *bytes)
{
    struct list *node, *after;
    struct message *message = ring_extend(&topic->messages);
    message->left = topic->subscribers;
    memcpy(message->bytes, bytes, topic->bytes);
    list_for_each (node, after, &topic->meeting.waiting[TAKERS]) {
        struct waiter *taker = container_of(node, struct waiter, link);
        const struct wish *wish = taker->value;
        if (!has_next(wish->subscription))
            continue;
        receive_next(wish->subscription, wish->message);
        meeting_wake(&topic->meeting, taker, 0);
    }
    drop_received(topic);
}

/* After somebody has received, or gone. */
static void make_room(struct coro_topic *topic)
{
    struct waiter *giver;
    drop_received(topic);
    while (!is_full(topic) && (giver = meeting_first(&topic->meeting, GIVERS))) {
        post(topic, giver->value);
        meeting_wake(&topic->meeting, giver, 0);
    }
}

/* MEETING_AGAIN: it is full. Else the visit is over. */
static int try_publish(struct coro_topic *topic, struct visit *visit, const void *message)
{
    int error = 0;
    while (!error && !topic->closed && !is_full(topic) &&
           topic->messages.count == topic->messages.capacity)
        error = ring_grow(&topic->messages, visit, topic->limit);
    if (error)
        return error;
    if (!topic->closed && is_full(topic))
        return MEETING_AGAIN;
    error = topic->closed ? -EPIPE : 0;
    if (!error && topic->subscribers)
        post(topic, message);
    meeting_leave(visit);
    return error;
}

int coro_topic_publish(struct coro_topic *topic, const void *message, double seconds)
{
    struct visit visit;
    struct waiter self = { .value = (void *)message };
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return meeting_result(-EINVAL);
    int error = meeting_enter(&visit, &topic->meeting, timeout);
    if (error)
        return meeting_result(error);
    do {
        error = try_publish(topic, &visit, message);
        if (error == MEETING_AGAIN)
            error = meeting_wait(&visit, GIVERS, &self);
        else
            break;
    } while (error == MEETING_AGAIN);
    return meeting_result(error);
}

int coro_topic_close(struct coro_topic *topic)
{
    struct visit visit;
    int error = meeting_enter(&visit, &topic->meeting, DONT_WAIT);
    if (error)
        return meeting_result(error);
    topic->closed = true;
    meeting_wake_all(&topic->meeting, GIVERS, -EPIPE);
    meeting_wake_all(&topic->meeting, TAKERS, -EPIPE);
    meeting_leave(&visit);
    return 0;
}

/* ---- subscriptions ---- */

struct coro_subscription *coro_topic_subscribe(struct coro_topic *topic)
{
    struct visit visit;
    struct coro_subscription *subscription = malloc(sizeof(*subscription));
    if (!subscription)
        return NULL;
    int error = meeting_enter(&visit, &topic->meeting, DONT_WAIT);
    if (!error) {
        subscription->topic = topic;
        subscription->next = topic->first + topic->messages.count;
        error = topic->closed ? -EPIPE : 0;
        if (!error) {
            list_push(&topic->subscriptions, &subscription->link);
            topic->subscribers++;
        }
        meeting_leave(&visit);
    }
    if (!error)
        return subscription;
    free(subscription);
    errno = -error;
    return NULL;
}

int coro_subscription_receive(struct coro_subscription *subscription, void *message, double seconds)
{
    struct coro_topic *topic = subscription->topic;
    struct visit visit;
    struct wish wish = { subscription, message };
    struct waiter self = { .value = &wish };
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return meeting_result(-EINVAL);
    int error = meeting_enter(&visit, &topic->meeting, timeout);
    if (error)
        return meeting_result(error);
    do {
        bool ready = has_next(subscription);
        if (ready || topic->closed) {
            if (ready) {
                receive_next(subscription, message);
                make_room(topic);
            }
            meeting_leave(&visit);
            return meeting_result(ready ? 0 : -EPIPE);
        }
        error = meeting_wait(&visit, TAKERS, &self);
    } while (error == MEETING_AGAIN);
    return meeting_result(error);
}

size_t coro_subscription_length(struct coro_subscription *subscription)
{
    const struct coro_topic *topic = subscription->topic;
    struct visit visit;
    if (meeting_enter(&visit, &subscription->topic->meeting, DONT_WAIT) != 0)
        return 0;
    size_t length = topic->first + topic->messages.count - subscription->next;
    meeting_leave(&visit);
    return length;
}

static bool is_waited_for(const struct coro_subscription *subscription)
{
    struct list *node, *after;
    list_for_each (node, after, &subscription->topic->meeting.waiting[TAKERS]) {
        const struct wish *wish = container_of(node, struct waiter, link)->value;
        if (wish->subscription == subscription)
            return true;
    }
    return false;
}

int coro_subscription_free(struct coro_subscription *subscription)
{
    struct visit visit;
    if (!subscription)
        return 0;
    struct coro_topic *topic = subscription->topic;
    int error = meeting_enter(&visit, &topic->meeting, DONT_WAIT);
    if (error)
        return meeting_result(error);
    if (is_waited_for(subscription)) {
        meeting_leave(&visit);
        return meeting_result(-EBUSY);
    }
    while (has_next(subscription))
        message_at(topic, subscription->next++)->left--;
    list_remove(&subscription->link);
    topic->subscribers--;
    make_room(topic);
    meeting_leave(&visit);
    free(subscription);
    return 0;
}
