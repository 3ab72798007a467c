/* A 4-ary heap: children of i at 4i+1..4i+4. Shallower than a binary one, and four children share
 * a cache line. Each timer knows its position, so removal (most timeouts never fire) is cheap. */
#include "runtime/timer.h"

#include "runtime/mem.h"
#include "runtime/sys.h"

#define FANOUT           4U
#define INITIAL_CAPACITY 4096U

int timer_reserve(struct timer_heap *heap)
{
    if (likely(heap->count < heap->capacity))
        return 0;
    uint32_t capacity = heap->capacity ? heap->capacity * 2 : INITIAL_CAPACITY;
    struct timer_entry *entries = pages_map(capacity * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    if (heap->entries) {
        memcpy(entries, heap->entries, heap->count * sizeof(*entries));
        pages_unmap(heap->entries, heap->capacity * sizeof(*entries));
    }
    heap->entries = entries;
    heap->capacity = capacity;
    return 0;
}

static void place(struct timer_heap *heap, uint32_t index, struct timer_entry entry)
{
    heap->entries[index] = entry;
    entry.timer->position = index + 1;
}

static void sift_up(struct timer_heap *heap, uint32_t index, struct timer_entry entry)
{
    while (index) {
        uint32_t parent = (index - 1) / FANOUT;
        if (heap->entries[parent].deadline_ns <= entry.deadline_ns)
            break;
        place(heap, index, heap->entries[parent]);
        index = parent;
    }
    place(heap, index, entry);
}

static void sift_down(struct timer_heap *heap, uint32_t index, struct timer_entry entry)
{
    for (;;) {
        uint32_t first = index * FANOUT + 1, least = first;
        if (first >= heap->count)
            break;
        uint32_t end = first + FANOUT < heap->count ? first + FANOUT : heap->count;
        for (uint32_t child = first + 1; child < end; child++) {
            if (heap->entries[child].deadline_ns < heap->entries[least].deadline_ns)
                least = child;
        }
        if (heap->entries[least].deadline_ns >= entry.deadline_ns)
            break;
        place(heap, index, heap->entries[least]);
        index = least;
    }
    place(heap, index, entry);
}

void timer_add(struct timer_heap *heap, struct timer *timer, uint64_t deadline_ns)
{
    timer->deadline_ns = deadline_ns;
    sift_up(heap, heap->count++, (struct timer_entry){ deadline_ns, timer });
}

void timer_remove(struct timer_heap *heap, struct timer *timer)
{
    if (!timer->position)
        return;
    uint32_t index = timer->position - 1;
    timer->position = 0;
    struct timer_entry last = heap->entries[--heap->count];
    if (index == heap->count)
        return;
    if (index && last.deadline_ns < heap->entries[(index - 1) / FANOUT].deadline_ns)
        sift_up(heap, index, last);
    else
        sift_down(heap, index, last);
}

struct timer *timer_expire(struct timer_heap *heap, uint64_t now_ns)
{
    if (timer_next(heap) > now_ns)
        return NULL;
    struct timer *timer = heap->entries[0].timer;
    timer_remove(heap, timer);
    return timer;
}

void timer_clear(struct timer_heap *heap)
{
    if (heap->entries)
        pages_unmap(heap->entries, heap->capacity * sizeof(*heap->entries));
    *heap = (struct timer_heap){ 0 };
}
