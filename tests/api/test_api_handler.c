/* coro_set_handler. */
#include "threads.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct coro_happening seen, told[64];
static int calls;

static void note_it(const struct coro_happening *happening, void *argument)
{
    char byte;
    if (argument && happening->filter == CORO_READ)
        must(read(*(int *)argument, &byte, 1) == 1);
    pthread_mutex_lock(&lock);
    told[calls++ % 64] = *happening;
    pthread_mutex_unlock(&lock);
}

static int calls_so_far(void)
{
    pthread_mutex_lock(&lock);
    int count = calls;
    pthread_mutex_unlock(&lock);
    return count;
}

START_TEST(a_handler_is_called_once)
{
    int pair[2];
    must(pipe(pair) == 0);
    ck_assert_int_eq(coro_set_handler(pair[0], CORO_READ, 0, CORO_ONCE, note_it, &pair[0]), 0);
    must_fail(coro_set_handler(pair[0], CORO_READ, 0, CORO_ONCE, note_it, &pair[0]), EBUSY);
    must_fail(coro_wait_for(pair[0], CORO_READ, 0, 1, NULL), EBUSY);
    must(write(pair[1], "ab", 2) == 2);
    wait_until(calls_so_far() == 1);
    ck_assert_int_eq(told[0].data, 2);
    while (coro_wait_for(pair[0], CORO_READ, 0, 1, &seen))
        ck_assert_int_eq(errno, EBUSY); /* its thread ends */
    ck_assert_int_eq(calls_so_far(), 1);
}
END_TEST

START_TEST(a_persistent_handler_until_cleared)
{
    int pair[2];
    if (!CANCELS)
        return;
    must(pipe(pair) == 0);
    ck_assert_int_eq(coro_set_handler(pair[0], CORO_READ, 0, CORO_PERSIST, note_it, &pair[0]), 0);
    must(write(pair[1], "abc", 3) == 3);
    wait_until(calls_so_far() == 3);
    must(write(pair[1], "d", 1) == 1);
    wait_until(calls_so_far() == 4);
    for (int i = 0; i < 5; i++)
        let_others_run();
    ck_assert_int_eq(coro_clear_handler(pair[0], CORO_READ), 0);
    must_fail(coro_clear_handler(pair[0], CORO_READ), ENOENT);
    must(write(pair[1], "e", 1) == 1);
    ck_assert_int_eq(coro_wait_for(pair[0], CORO_READ, 0, 1, &seen), 0); /* the name is free */
    ck_assert_int_eq(calls_so_far(), 4);
}
END_TEST

START_TEST(a_handler_hears_of_the_end_of_its_wait)
{
    int pair[2];
    if (is_way("native"))
        return;
    must(pipe(pair) == 0);
    ck_assert_int_eq(coro_set_handler(pair[0], CORO_READ, 0, CORO_PERSIST, note_it, &pair[0]), 0);
    for (int i = 0; i < 5; i++)
        let_others_run();
    close(pair[0]);
    wait_until(calls_so_far() == 1);
    ck_assert_int_eq(told[0].filter, 0);
    ck_assert_int_eq(told[0].data, EBADF);
}
END_TEST

START_TEST(periodic_timers_and_triggers_are_not_lost)
{
    if (!CANCELS)
        return;
    ck_assert_int_eq(coro_set_handler(5, CORO_TIMER, 0, CORO_PERSIST, note_it, NULL), 0);
    wait_until(calls_so_far() >= 5);
    ck_assert_int_eq(coro_clear_handler(5, CORO_TIMER), 0);
    pthread_mutex_lock(&lock);
    calls = 0;
    pthread_mutex_unlock(&lock);
    must_fail(coro_set_handler(0, CORO_TIMER, 0, CORO_PERSIST, note_it, NULL), EINVAL);
    ck_assert_int_eq(coro_set_handler(9, CORO_USER, 0, CORO_PERSIST, note_it, NULL), 0);
    uint32_t all = 0;
    for (uint32_t bit = 1; bit; bit <<= 1)
        ck_assert_int_eq(coro_trigger(9, bit), 0);
    while (all != UINT32_MAX) {
        let_others_run();
        pthread_mutex_lock(&lock);
        for (int i = 0; i < calls; i++)
            all |= told[i % 64].fflags;
        pthread_mutex_unlock(&lock);
    }
    ck_assert_int_eq(coro_clear_handler(9, CORO_USER), 0);
}
END_TEST

int main(void)
{
    RUN_TESTS("handler", a_handler_is_called_once, a_persistent_handler_until_cleared,
              a_handler_hears_of_the_end_of_its_wait, periodic_timers_and_triggers_are_not_lost);
}
