/* See heap.h. */
#include "shim/api/heap.h"

#include <string.h>

struct key {
    long priority;
    uint64_t order;
};

static struct key *entry(const struct heap *heap, size_t index)
{
    return (struct key *)(heap->memory + index * heap->entry_bytes);
}

void heap_init(struct heap *heap, size_t bytes)
{
    *heap = (struct heap){
        .bytes = bytes,
        .entry_bytes = align_up(sizeof(struct key) + bytes, sizeof(struct key)),
    };
}

static bool before(const struct key *a, const struct key *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->order < b->order;
}

static void move(const struct heap *heap, size_t to, size_t from)
{
    memcpy(entry(heap, to), entry(heap, from), heap->entry_bytes);
}

void heap_push(struct heap *heap, const void *value, long priority)
{
    struct key key = { priority, heap->pushed++ };
    size_t at = heap->count++;
    for (; at && before(&key, entry(heap, (at - 1) / 2)); at = (at - 1) / 2)
        move(heap, at, (at - 1) / 2);
    *entry(heap, at) = key;
    memcpy(entry(heap, at) + 1, value, heap->bytes);
}

void heap_pop(struct heap *heap, void *value, long *priority)
{
    const struct key *top = entry(heap, 0);
    memcpy(value, top + 1, heap->bytes);
    if (priority)
        *priority = top->priority;
    size_t last = --heap->count, at = 0;
    for (size_t child; (child = 2 * at + 1) < last; at = child) {
        if (child + 1 < last && before(entry(heap, child + 1), entry(heap, child)))
            child++;
        if (!before(entry(heap, child), entry(heap, last)))
            break;
        move(heap, at, child);
    }
    if (at != last)
        move(heap, at, last);
}

void *heap_move(void *store, void *memory, size_t capacity)
{
    struct heap *heap = store;
    void *old = heap->memory;
    if (heap->capacity >= capacity)
        return memory;
    if (heap->count)
        memcpy(memory, old, heap->count * heap->entry_bytes);
    heap->memory = memory;
    heap->capacity = capacity;
    return old;
}
