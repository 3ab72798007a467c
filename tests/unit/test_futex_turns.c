/* The futex table: who is woken finds what he was woken for, though others take it again and again. */
#include "runtime/futex.h"
#include "tests/unit/harness.h"

static int taken;

static void take_once(void *argument)
{
    uint32_t *lock = argument;
    while (*lock)
        futex_wait(lock, 1, FUTEX_ANY, DEADLINE_NEVER);
    taken++;
}

START_TEST(who_is_woken_finds_a_lock_free_that_is_taken_again_and_again)
{
    uint32_t lock = 1;
    harness_start(&poll_script);
    harness_spawn(take_once, &lock);
    sched_yield_co();
    for (int i = 0; i < 1000 && !taken; i++, lock = 1) {
        lock = 0;
        futex_wake(&lock, 1, FUTEX_ANY);
        futex_give_way();
    }
    ck_assert_int_eq(taken, 1);
}
END_TEST

/* Gives way each time at a wake in which the lock is taken. */
static void hold_at_each_turn(void *argument)
{
    uint32_t *lock = argument, other = 0;
    for (int i = 0; i < 1000 && !taken; i++) {
        *lock = i % 8 != 0;
        futex_wake(*lock ? &other : lock, 1, FUTEX_ANY);
        futex_give_way();
    }
}

START_TEST(who_was_woken_in_vain_several_times_runs_while_the_lock_is_free)
{
    uint32_t lock = 1;
    harness_start(&poll_script);
    harness_spawn(take_once, &lock);
    harness_spawn(hold_at_each_turn, &lock);
    harness_join();
}
END_TEST

int main(void)
{
    RUN_TESTS("futex_turns", who_is_woken_finds_a_lock_free_that_is_taken_again_and_again,
              who_was_woken_in_vain_several_times_runs_while_the_lock_is_free);
}
