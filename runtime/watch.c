/* Who wants to know of switches and wakes; see watch.h. */
#include "runtime/watch.h"

#include "runtime/cputime.h"

void watch_queued_slowly(struct carrier *carrier, struct co *co)
{
    if (carrier->watch.sample)
        latency_queued(carrier, co);
    if (carrier->watch.trace)
        trace_queued(carrier, co);
}

void watch_switch_slowly(struct carrier *carrier, struct co *next)
{
    if (carrier->watch.cpu_time)
        cputime_turn(next);
    if (carrier->watch.sample)
        latency_switched(carrier, next);
    if (carrier->watch.trace && next)
        trace_run(carrier, next);
}
