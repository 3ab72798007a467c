/* Events (coro/event.h): a meeting of those who wait, and what is remembered for those who come: what
 * was published to so many more, then what is set. While something is remembered, nobody waits. */
#include <stdlib.h>

#include "shim/api/meeting.h"
#include "shim/api/ring.h"
#include "shim/coro/event.h"

struct publication {
    void *value;
    size_t left; /* recipients to come */
};

struct coro_event {
    struct meeting meeting;
    bool automatic, set, closed;
    void *value;              /* while it is set */
    struct ring publications; /* struct publication */
};

struct coro_event *coro_event_new(enum coro_event_kind kind)
{
    if (kind != CORO_EVENT_MANUAL && kind != CORO_EVENT_AUTO) {
        errno = EINVAL;
        return NULL;
    }
    struct coro_event *event = malloc(sizeof(*event));
    if (!event)
        return NULL;
    *event = (struct coro_event){
        .automatic = kind == CORO_EVENT_AUTO,
        .publications.bytes = sizeof(struct publication),
    };
    meeting_init(&event->meeting, WAIT_EVENT);
    return event;
}

int coro_event_free(struct coro_event *event)
{
    int error = event ? meeting_end(&event->meeting) : 0;
    if (!error && event) {
        free(event->publications.memory);
        free(event);
    }
    return meeting_result(error);
}

/* What is remembered for the next one, if anything is. */
static bool take(struct coro_event *event, void **value)
{
    if (event->publications.count) {
        struct publication *first = ring_at(&event->publications, 0);
        *value = first->value;
        if (!--first->left)
            ring_drop(&event->publications);
        return true;
    }
    if (!event->set)
        return false;
    *value = event->value;
    event->set = !event->automatic;
    return true;
}

int coro_event_wait(struct coro_event *event, void **value, double seconds)
{
    struct visit visit;
    void *received = NULL;
    struct waiter self = { .value = &received };
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return meeting_result(-EINVAL);
    int error = meeting_enter(&visit, &event->meeting, timeout);
    if (error)
        return meeting_result(error);
    do {
        if (event->closed || take(event, &received)) {
            error = event->closed ? -EPIPE : 0;
            meeting_leave(&visit);
            break;
        }
        error = meeting_wait(&visit, TAKERS, &self);
    } while (error == MEETING_AGAIN);
    if (!error && value)
        *value = received;
    return meeting_result(error);
}

/* Gives @value to the first @count of those who wait. Returns to how many. */
static size_t deliver(struct coro_event *event, size_t count, void *value)
{
    struct waiter *waiter;
    size_t given = 0;
    for (; given < count && (waiter = meeting_first(&event->meeting, TAKERS)); given++) {
        *(void **)waiter->value = value;
        meeting_wake(&event->meeting, waiter, 0);
    }
    return given;
}

/* An event that isn't closed; what is said to it doesn't wait. */
static int enter(struct visit *visit, struct coro_event *event)
{
    int error = meeting_enter(visit, &event->meeting, DONT_WAIT);
    if (error || !event->closed)
        return error;
    meeting_leave(visit);
    return -EPIPE;
}

ssize_t coro_event_signal(struct coro_event *event, size_t count, void *value)
{
    struct visit visit;
    int error = enter(&visit, event);
    if (error)
        return meeting_result(error);
    size_t given = deliver(event, count ? count : SIZE_MAX, value);
    meeting_leave(&visit);
    return (ssize_t)given;
}

int coro_event_publish(struct coro_event *event, size_t count, void *value)
{
    struct visit visit;
    if (!count)
        return meeting_result(-EINVAL);
    int error = enter(&visit, event);
    while (!error && event->publications.count == event->publications.capacity)
        error = ring_grow(&event->publications, &visit, 0);
    if (error)
        return meeting_result(error);
    if (event->closed)
        error = -EPIPE;
    struct publication rest = { value, error ? 0 : count - deliver(event, count, value) };
    if (rest.left)
        ring_push(&event->publications, &rest);
    meeting_leave(&visit);
    return meeting_result(error);
}

int coro_event_set(struct coro_event *event, void *value)
{
    struct visit visit;
    int error = enter(&visit, event);
    if (error)
        return meeting_result(error);
    size_t given = deliver(event, event->automatic ? 1 : SIZE_MAX, value);
    event->set = !event->automatic || !given;
    event->value = value;
    meeting_leave(&visit);
    return 0;
}

int coro_event_reset(struct coro_event *event)
{
    struct visit visit;
    int error = meeting_enter(&visit, &event->meeting, DONT_WAIT);
    if (error)
        return meeting_result(error);
    event->set = false;
    event->publications.count = 0;
    meeting_leave(&visit);
    return 0;
}

size_t coro_event_waiting(struct coro_event *event)
{
    return meeting_count(&event->meeting, TAKERS);
}

int coro_event_close(struct coro_event *event)
{
    struct visit visit;
    int error = meeting_enter(&visit, &event->meeting, DONT_WAIT);
    if (error)
        return meeting_result(error);
    event->closed = true;
    meeting_wake_all(&event->meeting, TAKERS, -EPIPE);
    meeting_leave(&visit);
    return 0;
}
