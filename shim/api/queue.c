/* Queues (coro/queue.h): both kinds are a meeting around a store, a ring or a heap.
 *
 * Takers wait only while the store is empty, givers only while it is full (a fifo with a limit may be).
 * So a value pushed goes to the first taker, and one popped makes room for the first giver, whose value
 * the popper puts in. Those who wait to see it empty are on the third side.
 *
 * The store grows outside of visits: the room may be used up by others before the grower comes
 * back, or be there already. */
#include <stdlib.h>

#include "shim/api/heap.h"
#include "shim/api/meeting.h"
#include "shim/api/ring.h"
#include "shim/coro/queue.h"

struct queue {
    struct meeting meeting;
    bool by_priority, closed;
    size_t limit; /* 0: none */
    union {
        struct ring ring;
        struct heap heap;
    };
};

/* Two names of the same. */
struct coro_fifo {
    struct queue queue;
};

struct coro_queue {
    struct queue queue;
};

/* What a waiter's value points to: the value and, by priority, its place. */
struct item {
    void *value;
    long priority;
};

/* ---- the store ---- */

static inline size_t length(const struct queue *queue)
{
    return queue->by_priority ? queue->heap.count : queue->ring.count;
}

static inline size_t capacity(const struct queue *queue)
{
    return queue->by_priority ? queue->heap.capacity : queue->ring.capacity;
}

static void put(struct queue *queue, const struct item *item)
{
    if (queue->by_priority)
        heap_push(&queue->heap, item->value, item->priority);
    else
        ring_push(&queue->ring, item->value);
}

static void take(struct queue *queue, struct item *item)
{
    if (queue->by_priority)
        heap_pop(&queue->heap, item->value, &item->priority);
    else
        ring_pop(&queue->ring, item->value);
}

static void give(const struct queue *queue, struct item *to, const struct item *from)
{
    to->priority = from->priority;
    memcpy(to->value, from->value, queue->by_priority ? queue->heap.bytes : queue->ring.bytes);
}

static int grow(struct queue *queue, struct visit *visit)
{
    struct heap *heap = &queue->heap;
    if (queue->by_priority)
        return store_grow(visit, heap, heap->count, queue->limit, heap->entry_bytes, heap_move);
    return ring_grow(&queue->ring, visit, queue->limit);
}

/* ---- both kinds ---- */

static void init(struct queue *queue, bool by_priority, size_t bytes, size_t limit)
{
    *queue = (struct queue){ .by_priority = by_priority, .limit = limit };
    meeting_init(&queue->meeting, WAIT_QUEUE);
    if (by_priority)
        heap_init(&queue->heap, bytes);
    else
        queue->ring.bytes = bytes;
}

static int end(struct queue *queue)
{
    int error = meeting_end(&queue->meeting);
    if (!error)
        free(queue->by_priority ? queue->heap.memory : queue->ring.memory);
    return error;
}

/* Puts it where it belongs, if there is room. MEETING_AGAIN: there is none. The visit goes on only then. */
static int try_push(struct queue *queue, struct visit *visit, const struct item *item)
{
    struct waiter *taker = meeting_first(&queue->meeting, TAKERS);
    int error = queue->closed ? -EPIPE : 0;
    if (!error && taker) {
        give(queue, taker->value, item);
        meeting_wake(&queue->meeting, taker, 0);
    } else if (!error && queue->limit && length(queue) >= queue->limit) {
        return MEETING_AGAIN;
    } else if (!error) {
        put(queue, item);
    }
    meeting_leave(visit);
    return error;
}

static bool needs_room(const struct queue *queue)
{
    size_t count = length(queue);
    return count == capacity(queue) && !(queue->limit && count >= queue->limit) && !queue->closed &&
           !queue->meeting.count[TAKERS];
}

static int push(struct queue *queue, struct item *item, double seconds)
{
    struct visit visit;
    struct waiter self = { .value = item };
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return -EINVAL;
    int error = meeting_enter(&visit, &queue->meeting, timeout);
    while (!error) {
        while (!error && unlikely(needs_room(queue)))
            error = grow(queue, &visit);
        if (error)
            return error;
        error = try_push(queue, &visit, item);
        if (error != MEETING_AGAIN)
            return error;
        error = meeting_wait(&visit, GIVERS, &self);
        if (error != MEETING_AGAIN)
            return error;
        error = 0;
    }
    return error;
}

/* The first giver's value takes the room that came free. */
static void refill(struct queue *queue)
{
    struct waiter *giver = meeting_first(&queue->meeting, GIVERS);
    if (giver) {
        put(queue, giver->value);
        meeting_wake(&queue->meeting, giver, 0);
    } else if (!length(queue)) {
        meeting_wake_all(&queue->meeting, OTHERS, 0);
    }
}

static int pop(struct queue *queue, struct item *item, double seconds)
{
    struct visit visit;
    struct waiter self = { .value = item };
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return -EINVAL;
    int error = meeting_enter(&visit, &queue->meeting, timeout);
    if (error)
        return error;
    do {
        if (length(queue)) {
            take(queue, item);
            refill(queue);
            meeting_leave(&visit);
            return 0;
        }
        if (queue->closed) {
            meeting_leave(&visit);
            return -EPIPE;
        }
        error = meeting_wait(&visit, TAKERS, &self);
    } while (error == MEETING_AGAIN);
    return error;
}

static int drain(struct queue *queue, double seconds)
{
    struct visit visit;
    struct waiter self = { 0 };
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return -EINVAL;
    int error = meeting_enter(&visit, &queue->meeting, timeout);
    if (error)
        return error;
    do {
        if (!length(queue)) {
            meeting_leave(&visit);
            return 0;
        }
        error = meeting_wait(&visit, OTHERS, &self);
    } while (error == MEETING_AGAIN);
    return error;
}

static int shut(struct queue *queue)
{
    struct visit visit;
    int error = meeting_enter(&visit, &queue->meeting, DONT_WAIT);
    if (error)
        return error;
    queue->closed = true;
    meeting_wake_all(&queue->meeting, GIVERS, -EPIPE);
    meeting_wake_all(&queue->meeting, TAKERS, -EPIPE);
    meeting_leave(&visit);
    return 0;
}

static size_t how_many(struct queue *queue)
{
    struct visit visit;
    if (meeting_enter(&visit, &queue->meeting, DONT_WAIT) != 0)
        return 0;
    size_t count = length(queue);
    meeting_leave(&visit);
    return count;
}

static void *make(bool by_priority, size_t bytes, size_t limit)
{
    struct queue *queue = bytes ? malloc(sizeof(*queue)) : NULL;
    if (!bytes)
        errno = EINVAL;
    if (queue)
        init(queue, by_priority, bytes, limit);
    return queue;
}

static int unmake(struct queue *queue)
{
    int error = end(queue);
    if (!error)
        free(queue);
    return error;
}

/* ---- first in, first out ---- */

struct coro_fifo *coro_fifo_new(size_t bytes, size_t limit)
{
    return make(false, bytes, limit);
}

int coro_fifo_free(struct coro_fifo *fifo)
{
    return meeting_result(fifo ? unmake(&fifo->queue) : 0);
}

int coro_fifo_push(struct coro_fifo *fifo, const void *value, double seconds)
{
    struct item item = { .value = (void *)value };
    return meeting_result(push(&fifo->queue, &item, seconds));
}

int coro_fifo_pop(struct coro_fifo *fifo, void *value, double seconds)
{
    struct item item = { .value = value };
    return meeting_result(pop(&fifo->queue, &item, seconds));
}

size_t coro_fifo_length(struct coro_fifo *fifo)
{
    return how_many(&fifo->queue);
}

int coro_fifo_close(struct coro_fifo *fifo)
{
    return meeting_result(shut(&fifo->queue));
}

int coro_fifo_drain(struct coro_fifo *fifo, double seconds)
{
    return meeting_result(drain(&fifo->queue, seconds));
}

/* ---- by priority ---- */

struct coro_queue *coro_queue_new(size_t bytes, size_t limit)
{
    return make(true, bytes, limit);
}

int coro_queue_free(struct coro_queue *queue)
{
    return meeting_result(queue ? unmake(&queue->queue) : 0);
}

int coro_queue_push(struct coro_queue *queue, const void *value, long priority, double seconds)
{
    struct item item = { .value = (void *)value, .priority = priority };
    return meeting_result(push(&queue->queue, &item, seconds));
}

int coro_queue_pop(struct coro_queue *queue, void *value, long *priority, double seconds)
{
    struct item item = { .value = value };
    int error = pop(&queue->queue, &item, seconds);
    if (!error && priority)
        *priority = item.priority;
    return meeting_result(error);
}

size_t coro_queue_length(struct coro_queue *queue)
{
    return how_many(&queue->queue);
}

int coro_queue_close(struct coro_queue *queue)
{
    return meeting_result(shut(&queue->queue));
}

int coro_queue_drain(struct coro_queue *queue, double seconds)
{
    return meeting_result(drain(&queue->queue, seconds));
}
