/* The scheduler: who runs when, parking and waking, deadlines, the budget, the end. */
#include <stdlib.h>

#include "runtime/monitor.h"
#include "tests/unit/harness.h"

#define COUNT 10

static int order[1000], turns;

static void note(void *argument)
{
    order[turns++] = (int)(intptr_t)argument;
}

static void note_twice(void *argument)
{
    note(argument);
    sched_yield_co();
    note(argument);
}

START_TEST(coroutines_run_in_the_order_of_their_start)
{
    harness_start(harness_backend(_i));
    for (intptr_t i = 0; i < COUNT; i++)
        harness_spawn(note, (void *)i);
    harness_join();
    ck_assert_int_eq(turns, COUNT);
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(order[i], i);
}
END_TEST

START_TEST(yield_lets_every_other_run_once)
{
    harness_start(harness_backend(_i));
    for (intptr_t i = 0; i < COUNT; i++)
        harness_spawn(note_twice, (void *)i);
    sched_yield_co();
    ck_assert_int_eq(turns, COUNT);
    harness_join();
    for (int i = 0; i < 2 * COUNT; i++)
        ck_assert_int_eq(order[i], i % COUNT);
}
END_TEST

START_TEST(yield_of_the_only_one_comes_back)
{
    harness_start(harness_backend(_i));
    for (int i = 0; i < 1000; i++)
        sched_yield_co();
    for (int i = 0; i < 10; i++)
        sched_yield_polling();
    ck_assert_ptr_eq(this_co(), runtime.main);
    ck_assert_uint_eq(runtime.main->state, CO_RUNNING);
}
END_TEST

static void park(void *argument)
{
    *(int *)argument = sched_park(DEADLINE_NEVER);
}

START_TEST(wake_gives_its_result_to_the_park)
{
    int result = 1;
    harness_start(harness_backend(_i));
    struct co *co = harness_spawn(park, &result);
    ck_assert_uint_eq(co->state, CO_RUNNABLE);
    ck_assert(!sched_wake(co, -5)); /* not parked yet */
    sched_yield_co();
    ck_assert_uint_eq(co->state, CO_PARKED);
    ck_assert(sched_wake(co, -77));
    ck_assert_uint_eq(co->state, CO_RUNNABLE);
    ck_assert(!sched_wake(co, -78)); /* the first wins */
    harness_join();
    ck_assert_int_eq(result, -77);
}
END_TEST

START_TEST(the_woken_run_after_the_runnable)
{
    int result;
    harness_start(harness_backend(_i));
    struct co *co = harness_spawn(park, &result);
    sched_yield_co();
    harness_spawn(note, (void *)1);
    sched_wake(co, 0);
    harness_spawn(note, (void *)2);
    ck_assert_uint_eq(runtime.carrier.run_queue_length, 3);
    harness_join();
    ck_assert_int_eq(turns, 2);
}
END_TEST

START_TEST(a_park_ends_at_its_deadline)
{
    harness_start(harness_backend(_i));
    uint64_t start = harness_now_ns(), deadline = start + 30 * NSEC_PER_MSEC;
    ck_assert_int_eq(sched_park(deadline), -ETIMEDOUT);
    uint64_t end = harness_now_ns();
    ck_assert_uint_ge(end, deadline);
    ck_assert_uint_lt(end, deadline + NSEC_PER_SEC);
    ck_assert_uint_eq(runtime.carrier.timers.count, 0);
}
END_TEST

START_TEST(short_deadlines_are_not_rounded_to_milliseconds)
{
    uint64_t best = DEADLINE_NEVER;
    harness_start(harness_backend(_i));
    for (int i = 0; i < 50; i++) {
        uint64_t start = harness_now_ns();
        ck_assert_int_eq(sched_park(start + 20 * NSEC_PER_USEC), -ETIMEDOUT);
        uint64_t took = harness_now_ns() - start;
        ck_assert_uint_ge(took, 20 * NSEC_PER_USEC);
        best = took < best ? took : best;
    }
    ck_assert_uint_lt(best, 500 * NSEC_PER_USEC);
}
END_TEST

START_TEST(a_deadline_in_the_past_lets_others_run_and_comes_back)
{
    harness_start(harness_backend(_i));
    harness_spawn(note, NULL);
    ck_assert_int_eq(sched_park(0), -ETIMEDOUT);
    ck_assert_int_eq(turns, 1);
}
END_TEST

struct sleeper {
    uint64_t deadline_ns;
    int result;
};

static uint64_t last_deadline_ns;

static void sleep_until(void *argument)
{
    struct sleeper *sleeper = argument;
    sleeper->result = sched_park(sleeper->deadline_ns);
    must(sleeper->deadline_ns >= last_deadline_ns);
    must(harness_now_ns() >= sleeper->deadline_ns);
    last_deadline_ns = sleeper->deadline_ns;
    turns++;
}

static void park_until(void *argument)
{
    struct sleeper *sleeper = argument;
    sleeper->result = sched_park(sleeper->deadline_ns);
}

START_TEST(sleepers_wake_in_the_order_of_their_deadlines)
{
    enum { SLEEPERS = 2000 };
    static struct sleeper sleepers[SLEEPERS];
    harness_start(harness_backend(_i));
    uint64_t start = harness_now_ns() + 400 * NSEC_PER_MSEC;
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i].deadline_ns = start + (uint64_t)(rand() % 50000) * 1000;
        harness_spawn(sleep_until, &sleepers[i]);
    }
    harness_join();
    ck_assert_int_eq(turns, SLEEPERS);
    for (int i = 0; i < SLEEPERS; i++)
        must(sleepers[i].result == -ETIMEDOUT);
}
END_TEST

START_TEST(a_wake_before_the_deadline_removes_the_timer)
{
    struct sleeper sleeper = { 0, 1 };
    harness_start(harness_backend(_i));
    struct co *co = harness_spawn(park_until, &sleeper);
    sleeper.deadline_ns = harness_now_ns() + NSEC_PER_SEC;
    sched_yield_co();
    ck_assert_uint_eq(runtime.carrier.timers.count, 1);
    ck_assert(sched_wake(co, 9));
    harness_join();
    ck_assert_int_eq(sleeper.result, 9);
    ck_assert_uint_eq(runtime.carrier.timers.count, 0);
}
END_TEST

static bool stop;

static void busy(void *argument)
{
    (void)argument;
    while (!stop)
        sched_yield_co();
}

START_TEST(timers_and_polls_happen_while_others_keep_yielding)
{
    harness_start(harness_backend(_i));
    harness_spawn(busy, NULL);
    harness_spawn(busy, NULL);
    uint64_t switches = runtime.carrier.switches;
    ck_assert_int_eq(sched_park(harness_now_ns() + NSEC_PER_MSEC), -ETIMEDOUT);
    ck_assert_uint_gt(runtime.carrier.switches - switches, SCHED_BUDGET);
    stop = true;
    harness_join();
}
END_TEST

START_TEST(the_poller_is_asked_within_the_budget_of_switches)
{
    harness_start(&poll_script);
    harness_spawn(busy, NULL);
    uint64_t switches = runtime.carrier.switches, waits = script_state()->waits;
    while (script_state()->waits == waits)
        sched_yield_co();
    ck_assert_uint_le(runtime.carrier.switches - switches, SCHED_BUDGET + 2);
    stop = true;
    harness_join();
}
END_TEST

START_TEST(yield_polling_asks_the_poller_at_once)
{
    harness_start(&poll_script);
    uint64_t waits = script_state()->waits;
    sched_yield_polling();
    ck_assert_uint_eq(script_state()->waits, waits + 1);
    ck_assert_uint_eq(script_state()->last_timeout_ns, 0); /* without sleeping */
}
END_TEST

static struct co *sleeping;

static void wake_when_idle(uint64_t timeout_ns)
{
    must(timeout_ns == DEADLINE_NEVER);
    must(runtime.carrier.idle);
    sched_wake(sleeping, 42);
}

START_TEST(an_idle_carrier_waits_in_the_poller_without_end)
{
    harness_start(&poll_script);
    sleeping = this_co();
    script_state()->on_idle = wake_when_idle;
    ck_assert_int_eq(sched_park(DEADLINE_NEVER), 42);
    ck_assert(!runtime.carrier.idle);
}
END_TEST

static void end_at_once(void *argument)
{
    (void)argument;
}

START_TEST(ended_coroutines_are_given_back)
{
    harness_start(harness_backend(_i));
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 1000; i++)
            harness_spawn(end_at_once, NULL);
        harness_join();
        ck_assert_uint_eq(runtime.live, 1);
    }
}
END_TEST

static void hop(void *argument)
{
    for (int i = 0; i < 100; i++) {
        ++*(uint64_t *)argument;
        sched_yield_co();
    }
}

START_TEST(ten_thousand_take_turns)
{
    uint64_t hops = 0;
    harness_start(harness_backend(_i));
    for (int i = 0; i < 10000; i++)
        harness_spawn(hop, &hops);
    ck_assert_uint_eq(runtime.live, 10001);
    harness_join();
    ck_assert_uint_eq(hops, 1000000);
}
END_TEST

static void spawn_more(void *argument)
{
    intptr_t depth = (intptr_t)argument;
    turns++;
    if (depth) {
        harness_spawn(spawn_more, (void *)(depth - 1));
        harness_spawn(spawn_more, (void *)(depth - 1));
    }
}

START_TEST(coroutines_may_start_others)
{
    harness_start(harness_backend(_i));
    spawn_more((void *)10);
    harness_join();
    ck_assert_int_eq(turns, 2047);
}
END_TEST

START_TEST(slices_count_the_switches_to_a_coroutine)
{
    int result;
    harness_start(harness_backend(_i));
    struct co *co = harness_spawn(park, &result);
    ck_assert_uint_eq(co->slices, 0);
    sched_yield_co();
    ck_assert_uint_eq(co->slices, 1);
    sched_wake(co, 0);
    harness_join();
}
END_TEST

static void preempt(int times, uintptr_t pc, uintptr_t sp)
{
    for (int i = 0; i < times; i++) {
        sched_meet(pc, sp);
        sched_yield_polling();
    }
}

START_TEST(a_preempted_coroutine_lets_others_run)
{
    harness_start(harness_backend(_i));
    harness_spawn(note, NULL);
    preempt(1, 0x1000, 0x2000);
    ck_assert_int_eq(turns, 1);
    ck_assert_uint_eq(this_co()->preemptions, 1);
}
END_TEST

START_TEST(only_who_is_met_in_the_same_place_again_is_a_spinner)
{
    harness_start(harness_backend(_i));
    struct co *co = this_co();
    preempt(1, 0x1000, 0x2000);
    ck_assert_uint_eq(co->slice_shift, 0);
    preempt(1, 0x1000 + SPIN_SPAN / 2 - 1, 0x2000);
    ck_assert_uint_eq(co->slice_shift, 1);
    ck_assert_uint_gt(runtime.carrier.spinning, 0);
    preempt(100, 0x1000 - SPIN_SPAN / 2, 0x2000);
    ck_assert_uint_eq(co->slice_shift, SLICE_SHIFT_MAX);
    preempt(1, 0x1000 + SPIN_SPAN, 0x2000); /* elsewhere in the code */
    ck_assert_uint_eq(co->slice_shift, 0);
    preempt(1, 0x1000 + SPIN_SPAN, 0x2000);
    ck_assert_uint_eq(co->slice_shift, 1);
    preempt(1, 0x1000 + SPIN_SPAN, 0x1f00); /* in another call */
    ck_assert_uint_eq(co->slice_shift, 0);
}
END_TEST

START_TEST(who_is_met_in_two_places_by_turns_is_a_spinner)
{
    harness_start(harness_backend(_i));
    struct co *co = this_co();
    for (int turn = 0; turn < 3; turn++) {
        preempt(1, 0x1000, 0x2000);
        preempt(1, 0x5000, 0x1f00);
    }
    ck_assert_uint_eq(co->slice_shift, 4);
    preempt(1, 0x9000, 0x2000); /* a third place */
    ck_assert_uint_eq(co->slice_shift, 0);
    preempt(1, 0x5000, 0x1f00);
    ck_assert_uint_eq(co->slice_shift, 1);
    preempt(1, 0x1000, 0x2000); /* forgotten by now */
    ck_assert_uint_eq(co->slice_shift, 0);
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE(
        "sched", coroutines_run_in_the_order_of_their_start, yield_lets_every_other_run_once,
        yield_of_the_only_one_comes_back, wake_gives_its_result_to_the_park,
        the_woken_run_after_the_runnable, a_park_ends_at_its_deadline,
        short_deadlines_are_not_rounded_to_milliseconds,
        a_deadline_in_the_past_lets_others_run_and_comes_back,
        sleepers_wake_in_the_order_of_their_deadlines, a_wake_before_the_deadline_removes_the_timer,
        timers_and_polls_happen_while_others_keep_yielding,
        the_poller_is_asked_within_the_budget_of_switches, yield_polling_asks_the_poller_at_once,
        an_idle_carrier_waits_in_the_poller_without_end, ended_coroutines_are_given_back,
        ten_thousand_take_turns, coroutines_may_start_others,
        slices_count_the_switches_to_a_coroutine, a_preempted_coroutine_lets_others_run,
        only_who_is_met_in_the_same_place_again_is_a_spinner,
        who_is_met_in_two_places_by_turns_is_a_spinner);
}
