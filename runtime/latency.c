/* Sampling of latencies.
 *
 * A sample goes through a run queue: `latency_pass` decides that it is time and sets watch.sample;
 * after `skip` others a coroutine that becomes runnable is chosen and its time noted; when it runs,
 * the delay is known, and when it gives the carrier away, so is the time that it held it. Then
 * watch.sample is cleared. In between, a switch costs a branch that it has anyway.
 *
 * A sample counts for all switches since the last, so a histogram's shape is that of all switches
 * although busy times are sampled more thinly than quiet ones. `skip` is random, and below the number
 * of switches between the last two passes: who comes first in a burst waits least.
 *
 * The carrier alone writes, word by word; the monitor reads meanwhile. A restart is the monitor's
 * copy of the figures, which it subtracts from then on. */
#include "runtime/latency.h"

#include "runtime/mem.h"
#include "runtime/monitor.h"
#include "runtime/runtime.h"

#define SKIP_MAX 16

static struct latency_base {
    uint64_t since_ns, samples, stalls;
    struct latency_histogram queued, held;
} base; /* the monitor's */

static uint32_t next_random(struct latency *latency)
{
    latency->random = latency->random * 1664525U + 1013904223U;
    return latency->random >> 16;
}

void latency_pass(struct carrier *carrier, uint64_t now_ns)
{
    struct latency *latency = &carrier->latency;
    uint64_t burst = carrier->switches - latency->passes;
    latency->passes = carrier->switches;
    if (likely(now_ns < latency->next_ns) || carrier->watch.sample)
        return;
    latency->skip = next_random(latency) % (uint32_t)(burst < SKIP_MAX ? burst + 1 : SKIP_MAX);
    latency->co = NULL;
    latency->running = false;
    carrier->watch.sample = true;
}

void latency_queued(struct carrier *carrier, struct co *co)
{
    struct latency *latency = &carrier->latency;
    if (latency->co || latency->skip-- > 0)
        return;
    latency->co = co;
    latency->since_ns = clock_now(&runtime.clock);
}

static void count(struct latency_histogram *histogram, uint64_t ns, uint64_t weight)
{
    histogram->bucket[latency_bucket(ns)] += weight;
    histogram->sum_ns += ns * weight;
    histogram->count += weight;
}

void latency_switched(struct carrier *carrier, struct co *next)
{
    struct latency *latency = &carrier->latency;
    if (!latency->co || (!latency->running && next != latency->co))
        return;
    uint64_t now = clock_now(&runtime.clock), ns = now - latency->since_ns;
    uint64_t weight = carrier->switches - latency->switches;
    latency->since_ns = now;
    if (!latency->running) {
        latency->running = true;
        count(&latency->queued, ns, weight ? weight : 1);
        return;
    }
    count(&latency->held, ns, weight ? weight : 1);
    latency->samples++;
    latency->switches = carrier->switches;
    latency->next_ns = now + LATENCY_PERIOD_NS;
    carrier->watch.sample = false;
}

static void difference(struct latency_histogram *out, const struct latency_histogram *now,
                       const struct latency_histogram *then)
{
    out->sum_ns = now->sum_ns - then->sum_ns;
    out->count = 0;
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++)
        out->count += out->bucket[i] = now->bucket[i] - then->bucket[i];
}

void latency_read(struct latency_info *info)
{
    const struct latency *latency = &runtime.carrier.latency;
    monitor_read_latency(info);
    info->uptime_ns -= base.since_ns;
    info->stalls -= base.stalls;
    info->samples = latency->samples - base.samples;
    difference(&info->queued, &latency->queued, &base.queued);
    difference(&info->held, &latency->held, &base.held);
}

void latency_restart(void)
{
    const struct latency *latency = &runtime.carrier.latency;
    struct latency_info info;
    monitor_read_latency(&info);
    base.since_ns = info.uptime_ns;
    base.stalls = info.stalls;
    base.samples = latency->samples;
    base.queued = latency->queued;
    base.held = latency->held;
    monitor_forget_longest();
}

void latency_reset(struct carrier *carrier)
{
    carrier->latency = (struct latency){ .random = carrier->latency.random };
    memset(&base, 0, sizeof(base));
}
