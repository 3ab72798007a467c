/* Events: one thread tells many.
 *
 * An event wakes threads that wait for it, all of them or the next n, and gives each the same value. A
 * topic delivers every message to every subscriber, in order. A group counts work and lets threads
 * wait until none is left. */
#ifndef CORO_API_EVENT_H
#define CORO_API_EVENT_H

#include "base.h"

CORO_BEGIN

/* ---- events ---- */

struct coro_event;

/* What coro_event_set does to an event. */
enum coro_event_kind {
    CORO_EVENT_MANUAL, /* whoever waits, now or later, gets the value, until coro_event_reset */
    CORO_EVENT_AUTO,   /* one thread gets it, and the event is reset */
};

/* NULL with EINVAL: no such kind. */
CORO_API struct coro_event *coro_event_new(enum coro_event_kind kind);

/* Frees it. NULL is allowed. EBUSY: somebody waits; close it first. */
CORO_API int coro_event_free(struct coro_event *event);

/* Waits for it and stores the value that came with it in *@value (NULL: not wanted). Threads are served
 * first come, first served. ETIMEDOUT; EPIPE: it is closed; EINVAL: not a number. WAITS. */
CORO_API int coro_event_wait(struct coro_event *event, void **value, double seconds);

/* Gives @value to the first @count of the threads that wait now, 0: to all of them. Nobody else will
 * know. Returns how many there were, or -1: EPIPE. */
CORO_API ssize_t coro_event_signal(struct coro_event *event, size_t count, void *value);

/* Gives @value to the next @count (> 0, else EINVAL) threads: those that wait, and then those that come.
 * What was published before is received before. EPIPE. */
CORO_API int coro_event_publish(struct coro_event *event, size_t count, void *value);

/* Sets it, see enum coro_event_kind; a value that was set before and not received is forgotten. What
 * was published is received before. EPIPE. */
CORO_API int coro_event_set(struct coro_event *event, void *value);

/* Forgets what was set and what was published. Returns 0. */
CORO_API int coro_event_reset(struct coro_event *event);

/* How many threads wait. */
CORO_API size_t coro_event_waiting(struct coro_event *event);

/* Nothing more comes: whoever waits, and whoever will, fails with EPIPE. Returns 0. */
CORO_API int coro_event_close(struct coro_event *event);

/* ---- topics ---- */

struct coro_topic;
struct coro_subscription;

/* For messages of @bytes (> 0, else EINVAL), at most @limit (0: any number) of which are kept for the
 * slowest subscriber. */
CORO_API struct coro_topic *coro_topic_new(size_t bytes, size_t limit);

/* Frees it. NULL is allowed. EBUSY: somebody waits, or has subscribed. */
CORO_API int coro_topic_free(struct coro_topic *topic);

/* Gives every subscriber a copy of *@message. ETIMEDOUT: one of them was @limit messages behind all the time;
 * EPIPE: it is closed; EINVAL: not a number. WAITS when somebody is so far behind. */
CORO_API int coro_topic_publish(struct coro_topic *topic, const void *message, double seconds);

/* Nothing more is published: EPIPE for who tries, and for subscribers once they have received all.
 * Returns 0. */
CORO_API int coro_topic_close(struct coro_topic *topic);

/* To what is published from now on. NULL with EPIPE: it is closed. */
CORO_API struct coro_subscription *coro_topic_subscribe(struct coro_topic *topic);

/* The next message. Threads that share a subscription share its messages. ETIMEDOUT; EPIPE: it is closed and
 * there is no more; EINVAL: not a number. WAITS. */
CORO_API int coro_subscription_receive(struct coro_subscription *subscription, void *message,
                                       double seconds);

/* How many messages are to be received. */
CORO_API size_t coro_subscription_length(struct coro_subscription *subscription);

/* Ends it. NULL is allowed. EBUSY: somebody waits in coro_subscription_receive. */
CORO_API int coro_subscription_free(struct coro_subscription *subscription);

/* ---- groups: inverted semaphores ---- */

struct coro_group;

CORO_API struct coro_group *coro_group_new(void);
CORO_API int coro_group_free(struct coro_group *group); /* EBUSY: somebody waits */

/* Adds @count to what is left to be done. EINVAL: negative, or more than LONG_MAX altogether. */
CORO_API int coro_group_add(struct coro_group *group, long count);

/* One is done. EINVAL: nothing was left. */
CORO_API int coro_group_done(struct coro_group *group);

/* Waits until nothing is left. ETIMEDOUT, EINVAL. WAITS. */
CORO_API int coro_group_wait(struct coro_group *group, double seconds);

CORO_END

#endif
