/* The timer heap: against a naive model, and with a million timers. */
#include "runtime/timer.h"

#include <stdlib.h>

#include "tests/unit/suite.h"

#define MODEL   400
#define MILLION 1000000

static struct timer_heap heap;
static uint64_t state = 88172645463325252u;

static uint64_t random_word(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void add(struct timer *timer, uint64_t deadline_ns)
{
    must(timer_reserve(&heap) == 0);
    timer_add(&heap, timer, deadline_ns);
}

/* Positions and copies of deadlines are right, and no child is before its parent. */
static void check_heap(void)
{
    for (uint32_t i = 0; i < heap.count; i++) {
        must(heap.entries[i].timer->position == i + 1);
        must(heap.entries[i].timer->deadline_ns == heap.entries[i].deadline_ns);
        must(!i || heap.entries[(i - 1) / 4].deadline_ns <= heap.entries[i].deadline_ns);
    }
}

START_TEST(an_empty_heap_never_expires)
{
    ck_assert(timer_next(&heap) == DEADLINE_NEVER);
    ck_assert_ptr_null(timer_expire(&heap, DEADLINE_NEVER - 1));
}
END_TEST

START_TEST(a_timer_expires_at_its_deadline_and_not_before)
{
    struct timer timer = { 0 };
    add(&timer, 100);
    ck_assert_uint_eq(timer_next(&heap), 100);
    ck_assert_ptr_null(timer_expire(&heap, 99));
    ck_assert_ptr_eq(timer_expire(&heap, 100), &timer);
    ck_assert_uint_eq(timer.position, 0);
    ck_assert_ptr_null(timer_expire(&heap, 100));
}
END_TEST

START_TEST(removing_a_timer_that_is_not_pending_is_harmless)
{
    struct timer timer = { 0 }, other = { 0 };
    timer_remove(&heap, &timer);
    add(&other, 5);
    timer_remove(&heap, &timer);
    timer_remove(&heap, &other);
    timer_remove(&heap, &other);
    ck_assert_uint_eq(heap.count, 0);
}
END_TEST

/* The naive model: an array of deadlines, 0 for not pending. */
static uint64_t model[MODEL];
static struct timer timers[MODEL];

static uint64_t model_next(void)
{
    uint64_t least = DEADLINE_NEVER;
    for (int i = 0; i < MODEL; i++) {
        if (model[i] && model[i] < least)
            least = model[i];
    }
    return least;
}

static void expire_one(void)
{
    uint64_t least = model_next();
    if (least == DEADLINE_NEVER)
        return;
    must(!timer_expire(&heap, least - 1));
    struct timer *timer = timer_expire(&heap, least);
    must(timer && model[timer - timers] == least);
    model[timer - timers] = 0;
}

START_TEST(random_operations_agree_with_a_model)
{
    for (int round = 0; round < 200000; round++) {
        uint64_t word = random_word();
        int i = (int)(word % MODEL);
        if (!model[i]) {
            model[i] = 1 + (word >> 20) % 1000; /* few values: many ties */
            add(&timers[i], model[i]);
        } else if (word >> 60 < 8) {
            timer_remove(&heap, &timers[i]);
            model[i] = 0;
        } else {
            expire_one();
        }
        must(timer_next(&heap) == model_next());
        if (round % 1000 == 0)
            check_heap();
    }
}
END_TEST

START_TEST(a_million_timers_expire_in_order)
{
    struct timer *many = calloc(MILLION, sizeof(*many));
    for (int i = 0; i < MILLION; i++)
        add(&many[i], 1 + random_word() % (1u << 30));
    check_heap();
    for (int i = 0; i < MILLION; i += 2) /* most timeouts never happen */
        timer_remove(&heap, &many[i]);
    check_heap();
    uint64_t last = 0;
    for (int i = 0; i < MILLION / 2; i++) {
        struct timer *timer = timer_expire(&heap, DEADLINE_NEVER - 1);
        must(timer && (timer - many) % 2 == 1);
        must(last <= timer->deadline_ns);
        last = timer->deadline_ns;
    }
    ck_assert_uint_eq(heap.count, 0);
    free(many);
}
END_TEST

START_TEST(clear_forgets_all_and_the_heap_works_on)
{
    for (int i = 0; i < MODEL; i++)
        add(&timers[i], (uint64_t)i + 1);
    timer_clear(&heap);
    ck_assert(timer_next(&heap) == DEADLINE_NEVER);
    struct timer timer = { 0 };
    add(&timer, 7);
    ck_assert_ptr_eq(timer_expire(&heap, 7), &timer);
}
END_TEST

int main(void)
{
    RUN_TESTS("timer", an_empty_heap_never_expires, a_timer_expires_at_its_deadline_and_not_before,
              removing_a_timer_that_is_not_pending_is_harmless,
              random_operations_agree_with_a_model, a_million_timers_expire_in_order,
              clear_forgets_all_and_the_heap_works_on);
}
