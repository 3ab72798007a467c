/* The generator behind CORO_FAULT, and the delays. Everything belongs to the carrier. */
#include "runtime/fault.h"

#include "runtime/sched.h"
#include "shim/log.h"

#define DELAY_MAX_NS (200 * NSEC_PER_USEC)
#define SEED_MIX     UINT64_C(0x9e3779b97f4a7c15)

struct fault_state fault;

void fault_start(const struct fault_plan *plan)
{
    fault.plan = *plan;
    fault.on = plan->on;
    if (!fault.on)
        return;
    if (!plan->seeded)
        fault.plan.seed = clock_now(&runtime.clock) % 1000000;
    fault.random = (fault.plan.seed + 1) * SEED_MIX;
    if (!fault.random)
        fault.random = SEED_MIX;
    fault.locks_fast = runtime.locks_fast;
    log_line(plan->seeded ? LOG_INFO : LOG_WARN, "faults on purpose: CORO_FAULT=seed=%lu",
             fault.plan.seed);
}

void fault_stop(void)
{
    if (fault.on)
        runtime.locks_fast = fault.locks_fast;
    fault.on = false;
}

static uint64_t next_random(void)
{
    uint64_t x = fault.random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    fault.random = x;
    return x * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

uint64_t fault_below(uint64_t limit)
{
    return next_random() % limit;
}

bool fault_roll(enum fault which)
{
    uint32_t part = fault.plan.part[which];
    return part && fault_below(fault.plan.of[which]) < part;
}

void fault_delay(void)
{
    runtime.locks_fast = fault.locks_fast && !fault_roll(FAULT_SLOW);
    this_co()->moved = false;
    if (this_carrier()->no_preempt || !fault_roll(FAULT_DELAY))
        return;
    switch (fault_below(4)) {
    case 0:
        sched_park(deadline_after(clock_now(&runtime.clock), fault_below(DELAY_MAX_NS)));
        return;
    case 1:
        sched_yield_polling();
        return;
    default:
        sched_yield_co();
    }
}
