/* Latencies: the buckets, and samples of switches whose length is known. */
#include "runtime/latency.h"

#include <time.h>

#include "tests/unit/harness.h"

START_TEST(every_value_lies_within_its_bucket)
{
    for (uint64_t value = 0; value < UINT64_C(1) << 40; value += value / 64 + 1) {
        uint32_t bucket = latency_bucket(value);

        must(bucket < LATENCY_BUCKETS);
        must(latency_bound(bucket) <= value);
        must(value < latency_bound(bucket + 1));
        must(latency_bound(bucket + 1) - latency_bound(bucket) <= value / LATENCY_STEPS + 1);
    }
}
END_TEST

START_TEST(buckets_follow_each_other)
{
    for (uint32_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        ck_assert_uint_eq(latency_bucket(latency_bound(bucket)), bucket);
        ck_assert_uint_lt(latency_bound(bucket), latency_bound(bucket + 1));
    }
    ck_assert_uint_eq(latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
}
END_TEST

static void compute_ns(uint64_t ns)
{
    for (uint64_t end = harness_now_ns() + ns; harness_now_ns() < end;)
        ;
}

static void compute_by_turns(void *argument)
{
    for (int i = 0; i < 200; i++) {
        compute_ns(*(const uint64_t *)argument);
        sched_yield_polling();
    }
}

static uint64_t at_least(const struct latency_histogram *histogram, uint64_t ns)
{
    uint64_t count = 0;

    for (uint32_t i = latency_bucket(ns); i < LATENCY_BUCKETS; i++)
        count += histogram->bucket[i];
    return count;
}

static uint64_t sum_of(const struct latency_histogram *histogram)
{
    return at_least(histogram, 0);
}

/* Two threads that each keep the carrier for 0.1 ms by turns: a turn lasts that long, and so does the
 * wait for it. */
START_TEST(turns_and_waits_are_measured)
{
    static uint64_t turn_ns = 100 * NSEC_PER_USEC;
    struct latency_info info;

    harness_start(harness_backend(_i));
    harness_spawn(compute_by_turns, &turn_ns);
    harness_spawn(compute_by_turns, &turn_ns);
    harness_join();
    latency_read(&info);
    ck_assert_uint_gt(info.samples, 0);
    ck_assert_uint_gt(info.queued.count, 0);
    ck_assert_uint_eq(sum_of(&info.queued), info.queued.count);
    ck_assert_uint_eq(sum_of(&info.held), info.held.count);
    ck_assert_uint_gt(at_least(&info.queued, turn_ns) * 2, info.queued.count);
    ck_assert_uint_gt(at_least(&info.held, turn_ns) * 2, info.held.count);
    ck_assert_uint_ge(info.held.sum_ns, at_least(&info.held, turn_ns) * turn_ns);
}
END_TEST

START_TEST(a_sample_stands_for_all_switches_since_the_last)
{
    static uint64_t turn_ns = 1000;
    struct latency_info info;

    harness_start(harness_backend(_i));
    for (int i = 0; i < 10; i++)
        harness_spawn(compute_by_turns, &turn_ns);
    harness_join();
    latency_read(&info);
    ck_assert_uint_gt(info.samples, 0);
    ck_assert_uint_lt(info.samples, info.held.count);
    ck_assert_uint_le(info.held.count, runtime.carrier.switches);
}
END_TEST

START_TEST(figures_begin_anew)
{
    static uint64_t turn_ns = 100 * NSEC_PER_USEC;
    struct latency_info info;

    harness_start(harness_backend(_i));
    harness_spawn(compute_by_turns, &turn_ns);
    harness_join();
    latency_restart();
    latency_read(&info);
    ck_assert_uint_eq(info.samples, 0);
    ck_assert_uint_eq(info.held.count, 0);
    ck_assert_uint_eq(info.queued.sum_ns, 0);
    ck_assert_uint_eq(sum_of(&info.held), 0);
    harness_spawn(compute_by_turns, &turn_ns);
    harness_join();
    latency_read(&info);
    ck_assert_uint_gt(info.samples, 0);
    ck_assert_uint_gt(info.held.count, 0);
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE("latency", every_value_lies_within_its_bucket, buckets_follow_each_other,
                    turns_and_waits_are_measured, a_sample_stands_for_all_switches_since_the_last,
                    figures_begin_anew);
}
