/* Which standstills count: those with nothing left that could end a wait, and rings of owners among them. */
#include "runtime/deadlock.h"

#include <pthread.h>

#include "tests/unit/harness.h"

#define THREADS 4

static struct co *threads[THREADS];
static pthread_mutex_t mutexes[THREADS];

static void wait_in_vain(void *argument)
{
    (void)argument;
    sched_park(DEADLINE_NEVER);
}

static void start(void)
{
    harness_start(&poll_script);
    for (int i = 0; i < THREADS; i++)
        threads[i] = harness_spawn(wait_in_vain, NULL);
    sched_yield_co();
    /* Main stands still as well, as far as others can see. */
    runtime.mode = MODE_ACTIVE;
    runtime.main->state = CO_PARKED;
    runtime.main->wait = (struct co_wait){ .kind = WAIT_COND, .fd = -1 };
    for (int i = 0; i < THREADS; i++)
        threads[i]->wait = (struct co_wait){ .kind = WAIT_FUTEX, .fd = -1 };
}

static void waits_for_mutex(int waiter, int owner)
{
    mutexes[owner].__data.__owner = (int)threads[owner]->tid;
    threads[waiter]->wait = (struct co_wait){
        .kind = WAIT_MUTEX, .fd = -1, .addr = (uintptr_t)&mutexes[owner], .tid = threads[owner]->tid
    };
}

static void joins(int waiter, int joined)
{
    threads[waiter]->wait =
        (struct co_wait){ .kind = WAIT_JOIN, .fd = -1, .tid = threads[joined]->tid };
}

static void is_none(void)
{
    struct deadlock found;

    ck_assert_int_eq(deadlock_find(&found), STANDSTILL_NONE);
}

static void is_without_ring(void)
{
    struct deadlock found;

    ck_assert_int_eq(deadlock_find(&found), STANDSTILL_UNPROVEN);
}

static void is_of(size_t length, int first)
{
    struct deadlock found;

    ck_assert_int_eq(deadlock_find(&found), STANDSTILL_RING);
    ck_assert_uint_eq(found.length, length);
    ck_assert_uint_eq(found.first_id, threads[first]->id);
}

START_TEST(a_ring_of_owners_is_a_deadlock)
{
    start();
    is_without_ring();
    waits_for_mutex(0, 1);
    waits_for_mutex(1, 2);
    is_without_ring();
    waits_for_mutex(2, 0);
    is_of(3, 0);
    joins(2, 1);
    is_of(2, 1);
}
END_TEST

START_TEST(a_thread_may_wait_for_itself)
{
    start();
    waits_for_mutex(3, 3);
    is_of(1, 3);
}
END_TEST

START_TEST(whoever_joins_the_ring_from_outside_is_no_part_of_it)
{
    start();
    waits_for_mutex(0, 1);
    waits_for_mutex(1, 2);
    waits_for_mutex(2, 1);
    is_of(2, 1);
}
END_TEST

START_TEST(a_mutex_that_has_passed_on_is_its_present_owners)
{
    start();
    waits_for_mutex(0, 1);
    waits_for_mutex(1, 0);
    is_of(2, 0);
    mutexes[1].__data.__owner = (int)threads[2]->tid;
    is_without_ring();
}
END_TEST

static bool handles;

static bool has_handlers(void)
{
    return handles;
}

START_TEST(a_handler_excuses_those_who_wait_without_a_ring)
{
    start();
    runtime.has_handlers = has_handlers;
    is_without_ring();
    handles = true;
    is_none();
    waits_for_mutex(0, 1);
    waits_for_mutex(1, 0);
    is_of(2, 0);
}
END_TEST

START_TEST(anything_that_may_still_happen_excuses_all)
{
    static const uint32_t kinds[] = { WAIT_READ,  WAIT_WRITE,  WAIT_POLL,   WAIT_SLEEP,
                                      WAIT_CHILD, WAIT_SIGNAL, WAIT_OFFLOAD };

    start();
    waits_for_mutex(0, 1);
    waits_for_mutex(1, 0);
    is_of(2, 0);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        runtime.main->wait.kind = kinds[i];
        is_none();
    }
    runtime.main->wait.kind = WAIT_COND;
    threads[3]->state = CO_RUNNABLE;
    is_none();
    threads[3]->state = CO_PARKED;
    is_of(2, 0);
    threads[3]->timer.position = 1;
    is_none();
    threads[3]->timer.position = 0;
    runtime.guests = 1;
    is_none();
}
END_TEST

int main(void)
{
    RUN_TESTS("deadlock", a_ring_of_owners_is_a_deadlock, a_thread_may_wait_for_itself,
              whoever_joins_the_ring_from_outside_is_no_part_of_it,
              a_mutex_that_has_passed_on_is_its_present_owners,
              a_handler_excuses_those_who_wait_without_a_ring,
              anything_that_may_still_happen_excuses_all);
}
