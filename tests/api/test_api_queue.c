/* Queues: order, limits, priorities, timeouts, closing, draining, cancellation, fork. Every test runs for
 * both kinds; by priority, equal ones. */
#include "threads.h"

#include <math.h>

static struct coro_fifo *fifo;
static struct coro_queue *queue;
static int by_priority; /* Check's loop index */

#define BOTH(name, ...)                                                                            \
    (by_priority ? coro_queue_##name(queue __VA_OPT__(, ) __VA_ARGS__)                             \
                 : coro_fifo_##name(fifo __VA_OPT__(, ) __VA_ARGS__))

static void set_up(int kind, size_t limit)
{
    by_priority = kind;
    if (by_priority)
        queue = coro_queue_new(sizeof(intptr_t), limit);
    else
        fifo = coro_fifo_new(sizeof(intptr_t), limit);
    must(by_priority ? (void *)queue : (void *)fifo);
}

static int push(intptr_t value, double seconds)
{
    return by_priority ? coro_queue_push(queue, &value, 0, seconds)
                       : coro_fifo_push(fifo, &value, seconds);
}

static int pop(intptr_t *value, double seconds)
{
    return by_priority ? coro_queue_pop(queue, value, NULL, seconds)
                       : coro_fifo_pop(fifo, value, seconds);
}

static intptr_t popped(void)
{
    intptr_t value = -1;
    must(pop(&value, CORO_FOREVER) == 0);
    return value;
}

static void *pop_one(void *unused)
{
    (void)unused;
    return (void *)popped();
}

static void *pop_error(void *unused)
{
    intptr_t value;
    (void)unused;
    return outcome(pop(&value, CORO_FOREVER));
}

static void *push_one(void *value)
{
    return outcome(push((intptr_t)value, CORO_FOREVER));
}

static void *drain(void *unused)
{
    (void)unused;
    return outcome(BOTH(drain, CORO_FOREVER));
}

START_TEST(values_come_out_as_they_went_in)
{
    set_up(_i, 0);
    for (intptr_t round = 0, next = 0, i = 0; round < 50; round++) {
        for (int n = 0; n < 37; n++)
            must(push(i++, 0) == 0);
        ck_assert_uint_eq(BOTH(length), (size_t)(i - next));
        for (int n = 0; n < 30; n++)
            must(popped() == next++);
    }
    ck_assert_uint_eq(BOTH(length), 50 * 7);
    must_fail(BOTH(drain, 0), ETIMEDOUT);
    ck_assert_int_eq(BOTH(free), 0); /* with what is in it */
}
END_TEST

START_TEST(waits_time_out)
{
    static const double times[] = { SOON, 0, -1, -INFINITY };
    intptr_t value;
    set_up(_i, 1);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        must_fail(pop(&value, times[i]), ETIMEDOUT);
        must(push(1, times[i]) == 0);
        must_fail(push(2, times[i]), ETIMEDOUT);
        must_fail(BOTH(drain, times[i]), ETIMEDOUT);
        must(pop(&value, times[i]) == 0 && value == 1);
        must(BOTH(drain, times[i]) == 0);
    }
    must_fail(pop(&value, NAN), EINVAL);
    must_fail(push(1, NAN), EINVAL);
    must_fail(BOTH(drain, NAN), EINVAL);
    ck_assert_int_eq(BOTH(free), 0);
}
END_TEST

START_TEST(no_bytes_are_einval)
{
    errno = 0;
    ck_assert_ptr_null(_i ? (void *)coro_queue_new(0, 1) : (void *)coro_fifo_new(0, 1));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(_i ? coro_queue_free(NULL) : coro_fifo_free(NULL), 0);
}
END_TEST

#define MANY 7

START_TEST(who_waits_to_pop_is_served_in_order)
{
    pthread_t threads[MANY];
    set_up(_i, 0);
    for (int i = 0; i < MANY; i++) {
        threads[i] = start(pop_one, NULL);
        for (int n = 0; n < 20; n++)
            let_others_run(); /* until it waits */
    }
    for (intptr_t i = 0; i < MANY; i++)
        must(push(i, 0) == 0);
    for (intptr_t i = 0; i < MANY; i++) {
        intptr_t got = (intptr_t)end_of(threads[i]);
        if (is_cooperative())
            ck_assert_int_eq(got, i);
    }
    ck_assert_int_eq(BOTH(free), 0);
}
END_TEST

START_TEST(a_full_one_lets_in_as_many_as_leave)
{
    pthread_t threads[MANY];
    set_up(_i, 2);
    must(push(-2, 0) == 0 && push(-1, 0) == 0);
    for (intptr_t i = 0; i < MANY; i++) {
        threads[i] = start(push_one, (void *)i);
        for (int n = 0; n < 20; n++)
            let_others_run();
    }
    ck_assert_uint_eq(BOTH(length), 2);
    must_fail(BOTH(free), EBUSY);
    for (intptr_t i = -2; i < MANY; i++) {
        intptr_t got = popped();
        if (is_cooperative())
            ck_assert_int_eq(got, i);
        ck_assert_uint_le(BOTH(length), 2);
    }
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(code(end_of(threads[i])), 0);
    ck_assert_int_eq(BOTH(free), 0);
}
END_TEST

START_TEST(a_closed_one_gives_what_is_in_it_and_takes_no_more)
{
    intptr_t value;
    set_up(_i, 2);
    must(push(1, 0) == 0 && push(2, 0) == 0);
    pthread_t pusher = start(push_one, (void *)3);
    for (int n = 0; n < 20; n++)
        let_others_run();
    ck_assert_int_eq(BOTH(close), 0);
    ck_assert_int_eq(code(end_of(pusher)), EPIPE);
    must_fail(push(4, CORO_FOREVER), EPIPE);
    must(popped() == 1 && popped() == 2);
    must_fail(pop(&value, CORO_FOREVER), EPIPE);
    ck_assert_int_eq(BOTH(close), 0);
    ck_assert_int_eq(BOTH(drain, 0), 0);
    ck_assert_int_eq(BOTH(free), 0);
}
END_TEST

START_TEST(closing_ends_the_wait_for_a_value)
{
    pthread_t threads[MANY];
    set_up(_i, 0);
    for (int i = 0; i < MANY; i++)
        threads[i] = start(pop_error, NULL);
    for (int n = 0; n < 50; n++)
        let_others_run();
    must_fail(BOTH(free), EBUSY);
    ck_assert_int_eq(BOTH(close), 0);
    ck_assert_int_eq(BOTH(free), 0);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(code(end_of(threads[i])), EPIPE);
}
END_TEST

START_TEST(drain_waits_until_it_is_empty)
{
    set_up(_i, 0);
    must(push(1, 0) == 0 && push(2, 0) == 0);
    pthread_t drainer = start(drain, NULL);
    for (int n = 0; n < 20; n++)
        let_others_run();
    must(popped() == 1);
    must_fail(BOTH(free), EBUSY);
    must(popped() == 2);
    ck_assert_int_eq(code(end_of(drainer)), 0);
    ck_assert_int_eq(BOTH(free), 0);
}
END_TEST

START_TEST(cancellation_loses_nothing)
{
    set_up(_i, 1);
    for (intptr_t i = 0; i < 100; i++) {
        pthread_t popper = start(pop_one, NULL);
        if (i % 2)
            let_others_run();
        must(pthread_cancel(popper) == 0);
        void *end = end_of(popper);
        must(end == PTHREAD_CANCELED);
        must(push(i, 0) == 0);
        pthread_t pusher = start(push_one, (void *)-1);
        if (i % 2)
            let_others_run();
        must(pthread_cancel(pusher) == 0);
        must(end_of(pusher) == PTHREAD_CANCELED);
        must(popped() == i);
        ck_assert_uint_eq(BOTH(length), 0);
    }
    ck_assert_int_eq(BOTH(free), 0);
}
END_TEST

static void use_in_child(void)
{
    must(push(2, 0) == 0); /* not to the parent's waiter */
    must(BOTH(length) == 1 && popped() == 2);
    pthread_t popper = start(pop_one, NULL);
    must(push(3, 0) == 0);
    must((intptr_t)end_of(popper) == 3);
    must(BOTH(free) == 0);
}

START_TEST(a_forked_childs_queue_has_no_waiters)
{
    set_up(_i, 0);
    pthread_t popper = start(pop_one, NULL);
    for (int n = 0; n < 20; n++)
        let_others_run();
    must(in_child(use_in_child));
    must(push(1, 0) == 0);
    ck_assert_int_eq((intptr_t)end_of(popper), 1);
    ck_assert_int_eq(BOTH(free), 0);
}
END_TEST

/* Against a plain array that is searched. */
START_TEST(priorities_come_highest_first_and_equal_ones_in_order)
{
    struct {
        long priority;
        int present;
    } model[2000];
    unsigned state = 5;
    int pushed = 0, inside = 0;
    if (!_i)
        return;
    queue = coro_queue_new(sizeof(int), 0);
    while (pushed < 2000 || inside) {
        if (pushed < 2000 && roll(&state, 5) < 3) {
            model[pushed].priority = roll(&state, 10)  ? (long)roll(&state, 7) - 3
                                     : roll(&state, 2) ? __LONG_MAX__
                                                       : -__LONG_MAX__ - 1;
            model[pushed].present = 1;
            must(coro_queue_push(queue, &pushed, model[pushed].priority, 0) == 0);
            pushed++, inside++;
        } else if (inside) {
            int best = -1, value;
            long priority = 1234;
            for (int i = 0; i < pushed; i++) {
                if (model[i].present && (best < 0 || model[i].priority > model[best].priority))
                    best = i;
            }
            must(coro_queue_pop(queue, &value, &priority, 0) == 0);
            ck_assert_int_eq(value, best);
            ck_assert_int_eq(priority, model[best].priority);
            model[best].present = 0;
            inside--;
        }
    }
    ck_assert_int_eq(coro_queue_free(queue), 0);
}
END_TEST

START_TEST(values_have_any_size)
{
    for (size_t bytes = 1; bytes < 40; bytes++) {
        unsigned char in[40], out[40] = { 0 };
        struct coro_fifo *ring = coro_fifo_new(bytes, 3);
        struct coro_queue *heap = coro_queue_new(bytes, 3);
        for (unsigned i = 0; i < 30; i++) {
            memset(in, (int)i, sizeof(in));
            must(coro_fifo_push(ring, in, 0) == 0 && coro_queue_push(heap, in, 0, 0) == 0);
            if (i < 2)
                continue;
            must(coro_fifo_pop(ring, out, 0) == 0 && out[0] == i - 2 && out[bytes - 1] == i - 2);
            must(coro_queue_pop(heap, out, NULL, 0) == 0 && out[0] == i - 2 &&
                 out[bytes - 1] == i - 2 && out[bytes] == 0);
        }
        must(coro_fifo_free(ring) == 0 && coro_queue_free(heap) == 0);
    }
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE("queue", values_come_out_as_they_went_in, waits_time_out, no_bytes_are_einval,
                    who_waits_to_pop_is_served_in_order, a_full_one_lets_in_as_many_as_leave,
                    a_closed_one_gives_what_is_in_it_and_takes_no_more,
                    closing_ends_the_wait_for_a_value, drain_waits_until_it_is_empty,
                    cancellation_loses_nothing, a_forked_childs_queue_has_no_waiters,
                    priorities_come_highest_first_and_equal_ones_in_order, values_have_any_size);
}
