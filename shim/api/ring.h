/* Rings: values of equal size, first in first out, and from the middle when need be.
 *
 * A ring grows by exchanging its memory: the new one is allocated before, and the old one freed after,
 * the caller is alone with it. */
#ifndef CORO_API_RING_H
#define CORO_API_RING_H

#include <string.h>

#include "runtime/base.h"

struct visit;

struct ring {
    char *memory;
    size_t bytes; /* of a value */
    size_t capacity, first, count;
};

#define RING_CAPACITY_MIN 8

static inline size_t ring_larger(size_t capacity)
{
    return capacity ? 2 * capacity : RING_CAPACITY_MIN;
}

static inline void *ring_at(const struct ring *ring, size_t index)
{
    size_t place = ring->first + index;
    if (place >= ring->capacity)
        place -= ring->capacity;
    return ring->memory + place * ring->bytes;
}

static inline void ring_copy(const struct ring *ring, void *to, const void *from)
{
    if (likely(ring->bytes == sizeof(void *)))
        memcpy(to, from, sizeof(void *));
    else
        memcpy(to, from, ring->bytes);
}

/* There is room. Returns where the value is to be stored. */
static inline void *ring_extend(struct ring *ring)
{
    return ring_at(ring, ring->count++);
}

/* There is room. */
static inline void ring_push(struct ring *ring, const void *value)
{
    ring_copy(ring, ring_at(ring, ring->count++), value);
}

static inline void ring_drop(struct ring *ring)
{
    if (++ring->first == ring->capacity)
        ring->first = 0;
    ring->count--;
}

/* It isn't empty. */
static inline void ring_pop(struct ring *ring, void *value)
{
    ring_copy(ring, value, ring_at(ring, 0));
    ring_drop(ring);
}

/* Those before it move up. */
static inline void ring_remove(struct ring *ring, size_t index)
{
    for (; index > 0; index--)
        memcpy(ring_at(ring, index), ring_at(ring, index - 1), ring->bytes);
    ring_drop(ring);
}

/* Goes on in @memory, with room for @capacity, unless it has that. Returns the memory that isn't used. */
static inline void *ring_move(void *store, void *memory, size_t capacity)
{
    struct ring *ring = store;
    void *old = ring->memory;
    if (ring->capacity >= capacity)
        return memory;
    for (size_t i = 0; i < ring->count; i++)
        memcpy((char *)memory + i * ring->bytes, ring_at(ring, i), ring->bytes);
    ring->memory = memory;
    ring->capacity = capacity;
    ring->first = 0;
    return old;
}

/* Ends the visit, makes room for another value in @store, a ring or the like that has @count of them, each of
 * @bytes, and begins the visit again. @limit: of values; 0: none. @move: as ring_move. 0 or -errno, then the visit is
 * over. Others may have come in between. */
int store_grow(struct visit *visit, void *store, size_t count, size_t limit, size_t bytes,
               void *(*move)(void *store, void *memory, size_t capacity));

static inline int ring_grow(struct ring *ring, struct visit *visit, size_t limit)
{
    return store_grow(visit, ring, ring->count, limit, ring->bytes, ring_move);
}

#endif
