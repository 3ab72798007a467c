/* Heaps: values of equal size, the one of the highest priority first, among equal ones the one that
 * came first. Binary; a value follows its key in memory. Grows as a ring does. */
#ifndef CORO_API_HEAP_H
#define CORO_API_HEAP_H

#include "runtime/base.h"

struct heap {
    char *memory;
    size_t bytes; /* of a value */
    size_t entry_bytes;
    size_t capacity, count;
    uint64_t pushed;
};

void heap_init(struct heap *heap, size_t bytes);

/* There is room. */
void heap_push(struct heap *heap, const void *value, long priority);

/* It isn't empty. @priority may be NULL. */
void heap_pop(struct heap *heap, void *value, long *priority);

/* Goes on in @memory, with room for @capacity entries, unless it has that. Returns the memory that isn't used. */
void *heap_move(void *store, void *memory, size_t capacity);

#endif
