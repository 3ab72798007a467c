/* The futex table: waiting, waking in order, bits, requeueing, changing words, deadlines. */
#include <linux/futex.h>

#include "runtime/futex.h"
#include "tests/unit/harness.h"

#define WAITERS 8

struct waiting {
    uint32_t *word;
    uint32_t expected, bits;
    uint64_t deadline_ns;
    int result; /* 1: still waiting */
    int order;  /* in which it was woken, from 1 */
};

static struct waiting waiting[WAITERS];
static int woken_so_far;

static void wait_here(void *argument)
{
    struct waiting *w = argument;
    w->result = futex_wait(w->word, w->expected, w->bits, w->deadline_ns);
    w->order = ++woken_so_far;
}

static void spawn_waiter(int i, uint32_t *word, uint32_t bits)
{
    waiting[i] = (struct waiting){ word, *word, bits, DEADLINE_NEVER, 1, 0 };
    harness_spawn(wait_here, &waiting[i]);
}

static void spawn_waiters(int count, uint32_t *word)
{
    for (int i = 0; i < count; i++)
        spawn_waiter(i, word, FUTEX_ANY);
    sched_yield_co();
}

static void set_up(void)
{
    harness_start(&poll_script);
}

START_TEST(wait_returns_eagain_when_the_word_differs)
{
    uint32_t word = 1;
    set_up();
    ck_assert_int_eq(futex_wait(&word, 0, FUTEX_ANY, DEADLINE_NEVER), -EAGAIN);
    ck_assert(!futex_has_waiters(&word));
}
END_TEST

START_TEST(those_whose_word_has_changed_are_woken_without_a_wake)
{
    uint32_t same = 1, changed = 1;
    set_up();
    spawn_waiter(0, &same, FUTEX_ANY);
    spawn_waiter(1, &changed, FUTEX_ANY);
    sched_yield_co();
    changed = 2;
    futex_wake_outdated();
    sched_yield_co();
    ck_assert_int_eq(waiting[0].result, 1);
    ck_assert_int_eq(waiting[1].result, 0);
    ck_assert(futex_has_waiters(&same) && !futex_has_waiters(&changed));
}
END_TEST

START_TEST(waiters_wake_first_come_first)
{
    uint32_t word = 0;
    set_up();
    spawn_waiters(WAITERS, &word);
    ck_assert(futex_has_waiters(&word));
    ck_assert_int_eq(futex_wake(&word, 3, FUTEX_ANY), 3);
    ck_assert_int_eq(futex_wake(&word, INT32_MAX, FUTEX_ANY), WAITERS - 3);
    ck_assert(!futex_has_waiters(&word));
    harness_join();
    for (int i = 0; i < WAITERS; i++) {
        ck_assert_int_eq(waiting[i].result, 0);
        ck_assert_int_eq(waiting[i].order, i + 1);
    }
}
END_TEST

START_TEST(wake_without_waiters_wakes_nobody)
{
    uint32_t word = 0;
    set_up();
    ck_assert_int_eq(futex_wake(&word, 1, FUTEX_ANY), 0);
}
END_TEST

START_TEST(wake_of_zero_wakes_one_as_the_kernel_does)
{
    uint32_t word = 0;
    set_up();
    spawn_waiters(3, &word);
    ck_assert_int_eq(futex_wake(&word, 0, FUTEX_ANY), 1);
    ck_assert_int_eq(futex_wake(&word, -1, FUTEX_ANY), 1);
    ck_assert_int_eq(futex_wake(&word, 5, FUTEX_ANY), 1);
    harness_join();
}
END_TEST

START_TEST(words_are_told_apart)
{
    static uint32_t words[4096];
    set_up();
    for (int i = 0; i < WAITERS; i++)
        spawn_waiter(i, &words[i * 512], FUTEX_ANY);
    sched_yield_co();
    ck_assert_int_eq(futex_wake(&words[512 * 3], WAITERS, FUTEX_ANY), 1);
    ck_assert_int_eq(futex_wake(&words[1], WAITERS, FUTEX_ANY), 0);
    sched_yield_co();
    for (int i = 0; i < WAITERS; i++)
        ck_assert_int_eq(waiting[i].result, i == 3 ? 0 : 1);
    for (int i = 0; i < WAITERS; i++)
        futex_wake(&words[i * 512], 1, FUTEX_ANY);
    harness_join();
}
END_TEST

START_TEST(bits_choose_among_waiters)
{
    uint32_t word = 0;
    set_up();
    for (int i = 0; i < WAITERS; i++)
        spawn_waiter(i, &word, 1U << i);
    sched_yield_co();
    ck_assert_int_eq(futex_wake(&word, WAITERS, 1U << 5), 1);
    ck_assert_int_eq(futex_wake(&word, WAITERS, 1U << 9), 0);
    ck_assert_int_eq(futex_wake(&word, 1, 0x0c), 1);
    sched_yield_co();
    ck_assert_int_eq(waiting[5].order, 1);
    ck_assert_int_eq(waiting[2].order, 2);
    ck_assert_int_eq(futex_wake(&word, WAITERS, FUTEX_ANY), WAITERS - 2);
    harness_join();
}
END_TEST

START_TEST(timed_wait_returns_etimedout_when_nobody_wakes)
{
    uint32_t word = 0;
    set_up();
    uint64_t start = harness_now_ns();
    int result = futex_wait(&word, 0, FUTEX_ANY, start + 20 * NSEC_PER_MSEC);
    ck_assert_int_eq(result, -ETIMEDOUT);
    ck_assert_uint_ge(harness_now_ns(), start + 20 * NSEC_PER_MSEC);
    ck_assert(!futex_has_waiters(&word));
    ck_assert_uint_eq(runtime.carrier.timers.count, 0);
}
END_TEST

START_TEST(a_deadline_in_the_past_still_looks_at_the_word)
{
    uint32_t word = 0;
    set_up();
    ck_assert_int_eq(futex_wait(&word, 1, FUTEX_ANY, 0), -EAGAIN);
    ck_assert_int_eq(futex_wait(&word, 0, FUTEX_ANY, 0), -ETIMEDOUT);
}
END_TEST

START_TEST(a_wake_before_the_deadline_removes_the_timer)
{
    uint32_t word = 0;
    set_up();
    waiting[0] = (struct waiting){ &word, 0, FUTEX_ANY, harness_now_ns() + NSEC_PER_SEC, 1, 0 };
    harness_spawn(wait_here, &waiting[0]);
    sched_yield_co();
    ck_assert_uint_eq(runtime.carrier.timers.count, 1);
    ck_assert_int_eq(futex_wake(&word, 1, FUTEX_ANY), 1);
    harness_join();
    ck_assert_int_eq(waiting[0].result, 0);
    ck_assert_uint_eq(runtime.carrier.timers.count, 0);
}
END_TEST

START_TEST(a_wake_that_comes_first_wins_over_another_end)
{
    uint32_t word = 0;
    set_up();
    waiting[0] = (struct waiting){ &word, 0, FUTEX_ANY, DEADLINE_NEVER, 1, 0 };
    struct co *co = harness_spawn(wait_here, &waiting[0]);
    sched_yield_co();
    ck_assert_int_eq(futex_wake(&word, 1, FUTEX_ANY), 1);
    ck_assert(!sched_wake(co, -ERESTARTSYS));
    harness_join();
    ck_assert_int_eq(waiting[0].result, 0);
}
END_TEST

START_TEST(an_interrupted_wait_leaves_no_waiter)
{
    uint32_t word = 0;
    set_up();
    waiting[0] = (struct waiting){ &word, 0, FUTEX_ANY, DEADLINE_NEVER, 1, 0 };
    struct co *co = harness_spawn(wait_here, &waiting[0]);
    sched_yield_co();
    ck_assert(sched_wake(co, -ERESTARTSYS));
    harness_join();
    ck_assert_int_eq(waiting[0].result, -ERESTARTSYS);
    ck_assert_int_eq(futex_wake(&word, 1, FUTEX_ANY), 0);
}
END_TEST

START_TEST(requeue_wakes_some_and_moves_some)
{
    uint32_t word = 0, target = 7;
    set_up();
    spawn_waiters(WAITERS, &word);
    ck_assert_int_eq(futex_requeue(&word, 1, &target, 3, NULL), 4);
    sched_yield_co();
    ck_assert_int_eq(woken_so_far, 1);
    ck_assert_int_eq(waiting[0].order, 1);
    ck_assert_int_eq(futex_wake(&target, WAITERS, FUTEX_ANY), 3);
    ck_assert_int_eq(futex_wake(&word, WAITERS, FUTEX_ANY), 4);
    harness_join();
    for (int i = 0; i < WAITERS; i++)
        ck_assert_int_eq(waiting[i].order, i + 1);
}
END_TEST

START_TEST(compared_requeue_looks_at_the_word_first)
{
    uint32_t word = 3, target = 0, wrong = 2, right = 3;
    set_up();
    spawn_waiters(4, &word);
    ck_assert_int_eq(futex_requeue(&word, 1, &target, 9, &wrong), -EAGAIN);
    ck_assert_int_eq(futex_requeue(&word, 1, &target, 9, &right), 4);
    ck_assert_int_eq(futex_wake(&target, WAITERS, FUTEX_ANY), 3);
    harness_join();
}
END_TEST

START_TEST(requeue_refuses_negative_counts)
{
    uint32_t word = 0, target = 0;
    set_up();
    ck_assert_int_eq(futex_requeue(&word, -1, &target, 1, NULL), -EINVAL);
    ck_assert_int_eq(futex_requeue(&word, 1, &target, -1, NULL), -EINVAL);
}
END_TEST

START_TEST(a_moved_waiter_times_out_on_its_new_word)
{
    uint32_t word = 0, target = 0;
    set_up();
    waiting[0] =
        (struct waiting){ &word, 0, FUTEX_ANY, harness_now_ns() + 5 * NSEC_PER_MSEC, 1, 0 };
    harness_spawn(wait_here, &waiting[0]);
    sched_yield_co();
    ck_assert_int_eq(futex_requeue(&word, 0, &target, 1, NULL), 1);
    ck_assert(!futex_has_waiters(&word));
    ck_assert(futex_has_waiters(&target));
    harness_join();
    ck_assert_int_eq(waiting[0].result, -ETIMEDOUT);
    ck_assert(!futex_has_waiters(&target));
}
END_TEST

START_TEST(requeue_to_the_same_word_loses_nobody)
{
    uint32_t word = 0;
    set_up();
    spawn_waiters(WAITERS, &word);
    ck_assert_int_eq(futex_requeue(&word, 2, &word, INT32_MAX, NULL), WAITERS);
    ck_assert_int_eq(futex_wake(&word, WAITERS, FUTEX_ANY), WAITERS - 2);
    harness_join();
}
END_TEST

struct change {
    uint32_t operation;
    uint32_t before, argument, after;
};

START_TEST(wake_op_changes_the_word)
{
    static const struct change changes[] = {
        { FUTEX_OP_SET, 5, 9, 9 },
        { FUTEX_OP_ADD, 5, 9, 14 },
        { FUTEX_OP_ADD, 5, 0xfff, 4 }, /* -1 */
        { FUTEX_OP_OR, 5, 10, 15 },
        { FUTEX_OP_ANDN, 7, 5, 2 },
        { FUTEX_OP_XOR, 7, 5, 2 },
        { FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 0, 31, 1U << 31 },
        { FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 1, 33, 3 },
        { FUTEX_OP_ANDN | FUTEX_OP_OPARG_SHIFT, 3, 1, 1 },
    };
    uint32_t word = 0;
    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        const struct change *c = &changes[i];
        uint32_t target = c->before;
        uint32_t operation = c->operation << 28 | FUTEX_OP_CMP_EQ << 24 | c->argument << 12;
        ck_assert_int_eq(futex_wake_op(&word, 1, &target, 1, operation), 0);
        ck_assert_msg(target == c->after, "row %zu: %u", i, target);
    }
}
END_TEST

START_TEST(wake_op_refuses_unknown_operations)
{
    uint32_t word = 0, target = 3;
    set_up();
    ck_assert_int_eq(futex_wake_op(&word, 1, &target, 1, 5U << 28), -ENOSYS);
    ck_assert_uint_eq(target, 3);
    ck_assert_int_eq(futex_wake_op(&word, 1, &target, 1, 6U << 24), -ENOSYS);
}
END_TEST

struct comparison {
    uint32_t comparison;
    int32_t old, argument;
    bool holds;
};

START_TEST(wake_op_wakes_the_second_word_when_the_comparison_holds)
{
    static const struct comparison rows[] = {
        { FUTEX_OP_CMP_EQ, 1, 1, true },   { FUTEX_OP_CMP_EQ, 1, 2, false },
        { FUTEX_OP_CMP_NE, 1, 2, true },   { FUTEX_OP_CMP_NE, 1, 1, false },
        { FUTEX_OP_CMP_LT, -3, -2, true }, { FUTEX_OP_CMP_LT, 2, 2, false },
        { FUTEX_OP_CMP_LE, 2, 2, true },   { FUTEX_OP_CMP_LE, 3, -1, false },
        { FUTEX_OP_CMP_GT, 1, -1, true },  { FUTEX_OP_CMP_GT, -1, 1, false },
        { FUTEX_OP_CMP_GE, 1, 1, true },   { FUTEX_OP_CMP_GE, -2048, 2047, false },
    };
    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct comparison *row = &rows[i];
        uint32_t word = 0, target = (uint32_t)row->old;
        spawn_waiter(0, &word, FUTEX_ANY);
        spawn_waiter(1, &target, FUTEX_ANY);
        sched_yield_co();
        uint32_t operation =
            FUTEX_OP_OR << 28 | row->comparison << 24 | ((uint32_t)row->argument & 0xfff);
        int woken = futex_wake_op(&word, 1, &target, 1, operation);
        ck_assert_msg(woken == 1 + row->holds, "row %zu: %d", i, woken);
        futex_wake(&target, 1, FUTEX_ANY);
        harness_join();
    }
}
END_TEST

/* ---- waiting on several words ---- */

struct waiting_any {
    struct futex_any words[3];
    uint64_t deadline_ns;
    int result;
};

static uint32_t three[3];

static void wait_any_here(void *argument)
{
    struct waiting_any *w = argument;
    for (int i = 0; i < 3; i++)
        w->words[i] = (struct futex_any){ .word = &three[i], .expected = 0 };
    w->result = futex_wait_any(w->words, 3, w->deadline_ns);
}

START_TEST(a_wait_on_several_words_tells_which_was_woken)
{
    struct waiting_any any = { .deadline_ns = DEADLINE_NEVER };
    set_up();
    for (int i = 0; i < 3; i++) {
        any.result = 99;
        harness_spawn(wait_any_here, &any);
        sched_yield_co();
        ck_assert_int_eq(futex_wake(&three[i], 1, FUTEX_ANY), 1);
        harness_join();
        ck_assert_int_eq(any.result, i);
        for (int j = 0; j < 3; j++)
            ck_assert(!futex_has_waiters(&three[j]));
    }
}
END_TEST

START_TEST(a_wait_on_several_words_looks_at_all_of_them_first)
{
    struct waiting_any any = { .deadline_ns = DEADLINE_NEVER };
    set_up();
    three[2] = 1;
    wait_any_here(&any);
    ck_assert_int_eq(any.result, -EAGAIN);
    ck_assert(!futex_has_waiters(&three[0]));
}
END_TEST

START_TEST(a_wait_on_several_words_ends_at_its_deadline)
{
    struct waiting_any any = { .result = 99 };
    set_up();
    any.deadline_ns = harness_now_ns() + NSEC_PER_MSEC;
    wait_any_here(&any);
    ck_assert_int_eq(any.result, -ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        ck_assert(!futex_has_waiters(&three[i]));
}
END_TEST

/* Many waiters on few words: every wake count must match a model of queues. */
START_TEST(random_operations_agree_with_a_model)
{
    enum { WORDS = 5, ROUNDS = 20000, MOST = 64 };
    static uint32_t words[WORDS];
    static struct waiting many[ROUNDS];
    int model[WORDS] = { 0 }, spawned = 0;
    unsigned seed = 1;
    set_up();
    for (int round = 0; round < ROUNDS; round++) {
        seed = seed * 1103515245 + 12345;
        int a = (int)(seed >> 16) % WORDS, b = (a + 1 + (int)(seed >> 24) % (WORDS - 1)) % WORDS;
        int count = 1 + (int)(seed >> 8) % 3;
        if ((seed >> 20) % 4 < 2 && model[a] < MOST) {
            many[spawned] = (struct waiting){ &words[a], 0, FUTEX_ANY, DEADLINE_NEVER, 1, 0 };
            harness_spawn(wait_here, &many[spawned++]);
            sched_yield_co();
            model[a]++;
        } else if ((seed >> 20) % 4 == 2) {
            int expected = model[a] < count ? model[a] : count;
            ck_assert_int_eq(futex_wake(&words[a], count, FUTEX_ANY), expected);
            model[a] -= expected;
        } else {
            int woken = model[a] < 1 ? model[a] : 1;
            int moved = model[a] - woken < count ? model[a] - woken : count;
            ck_assert_int_eq(futex_requeue(&words[a], 1, &words[b], count, NULL), woken + moved);
            model[a] -= woken + moved;
            model[b] += moved;
        }
    }
    for (int i = 0; i < WORDS; i++)
        ck_assert_int_eq(futex_wake(&words[i], INT32_MAX, FUTEX_ANY), model[i]);
    harness_join();
    ck_assert_int_eq(woken_so_far, spawned);
}
END_TEST

int main(void)
{
    RUN_TESTS(
        "futex", wait_returns_eagain_when_the_word_differs, waiters_wake_first_come_first,
        those_whose_word_has_changed_are_woken_without_a_wake, wake_without_waiters_wakes_nobody,
        wake_of_zero_wakes_one_as_the_kernel_does, words_are_told_apart, bits_choose_among_waiters,
        timed_wait_returns_etimedout_when_nobody_wakes,
        a_deadline_in_the_past_still_looks_at_the_word,
        a_wake_before_the_deadline_removes_the_timer, a_wake_that_comes_first_wins_over_another_end,
        an_interrupted_wait_leaves_no_waiter, requeue_wakes_some_and_moves_some,
        compared_requeue_looks_at_the_word_first, requeue_refuses_negative_counts,
        a_moved_waiter_times_out_on_its_new_word, requeue_to_the_same_word_loses_nobody,
        wake_op_changes_the_word, wake_op_refuses_unknown_operations,
        wake_op_wakes_the_second_word_when_the_comparison_holds,
        a_wait_on_several_words_tells_which_was_woken,
        a_wait_on_several_words_looks_at_all_of_them_first,
        a_wait_on_several_words_ends_at_its_deadline, random_operations_agree_with_a_model);
}
