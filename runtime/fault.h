/* Faults on purpose, for tests (CORO_FAULT): a seeded generator decides at operations and waits.
 *
 * The first ones are what any correct program must bear, and what the runtime must bear from the
 * kernel; they happen as soon as CORO_FAULT is set. The errors happen only when they are named.
 * Without CORO_FAULT each place costs one branch; the fast paths of mutexes have none. */
#ifndef CORO_FAULT_H
#define CORO_FAULT_H

#include "runtime/base.h"

/* FAULT(NAME, word, usual: once in so many times, text) */
#define FAULT_LIST(FAULT)                                                                          \
    FAULT(DELAY, delay, 20, "other threads run, or time passes, before or after a call")           \
    FAULT(WAKE, wake, 20, "a wait on a futex or for readiness ends without a cause")               \
    FAULT(RESTART, restart, 50, "a call that waits is interrupted, and restarted")                 \
    FAULT(SLOW, slow, 10, "a short cut is not taken")                                              \
    FAULT(EINTR, eintr, 0, "a call that waits ends with EINTR")                                    \
    FAULT(SHORT, short, 0, "a read or write on a stream moves a part")                             \
    FAULT(THREAD, thread, 0, "the creation of a thread fails with EAGAIN")                         \
    FAULT(MEMORY, memory, 0, "memory for the stack of a thread is refused with ENOMEM")

enum fault {
#define FAULT_ENUM(name, word, usual, text) FAULT_##name,
    FAULT_LIST(FAULT_ENUM)
#undef FAULT_ENUM
        FAULTS
};

/* What CORO_FAULT says. */
struct fault_plan {
    bool on;
    bool seeded; /* the seed was given */
    uint64_t seed;
    uint32_t part[FAULTS], of[FAULTS]; /* part / of of the times; part 0: never */
};

struct fault_state {
    bool on;
    bool locks_fast; /* runtime.locks_fast, which FAULT_SLOW turns on and off */
    struct fault_plan plan;
    uint64_t random; /* xorshift64's state, never 0; the carrier's */
};

extern struct fault_state fault;

/* Begins with @plan, whose seed is replaced by another one when it has none; says which. */
void fault_start(const struct fault_plan *plan);

/* No faults until the next fault_start: without a carrier, nothing can wait. */
void fault_stop(void);

COLD bool fault_roll(enum fault which);

/* Is @which to happen here and now? The carrier, in the runtime. */
static inline bool fault_happens(enum fault which)
{
    return unlikely(fault.on) && fault_roll(which);
}

/* A number below @limit. */
uint64_t fault_below(uint64_t limit);

/* Before and after an operation: others run, or time passes. PARKS. */
COLD void fault_delay(void);

#endif
