/* Deadlines of parked coroutines: a 4-ary min-heap in one array, so that a million pending timers
 * cost 16 MB and about ten comparisons each. Guarded by its carrier. */
#ifndef CORO_TIMER_H
#define CORO_TIMER_H

#include "runtime/base.h"

struct timer {
    uint64_t deadline_ns;
    void (*expired)(struct timer *); /* in the loop; NULL: it is a parked coroutine's */
    uint32_t position;               /* 1 + index in the heap; 0: not pending */
};

struct timer_entry {
    uint64_t deadline_ns; /* copied here: comparing must not touch the owners' cache lines */
    struct timer *timer;
};

struct timer_heap {
    struct timer_entry *entries;
    uint32_t count, capacity;
};

/* Makes room for one more; returns 0 or -ENOMEM. */
int timer_reserve(struct timer_heap *heap);

/* Adds @timer, not pending, after a successful timer_reserve. Never fails. */
void timer_add(struct timer_heap *heap, struct timer *timer, uint64_t deadline_ns);

/* Harmless when not pending. */
void timer_remove(struct timer_heap *heap, struct timer *timer);

/* The earliest timer if its deadline is at or before @now_ns, removed; NULL otherwise. */
struct timer *timer_expire(struct timer_heap *heap, uint64_t now_ns);

/* The earliest deadline, or DEADLINE_NEVER. */
static inline uint64_t timer_next(const struct timer_heap *heap)
{
    return heap->count ? heap->entries[0].deadline_ns : DEADLINE_NEVER;
}

/* Forgets all timers without looking at them (their owners are gone) and frees the array. */
void timer_clear(struct timer_heap *heap);

#endif
