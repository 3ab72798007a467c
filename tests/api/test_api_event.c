/* Events, topics and groups. */
#include "threads.h"

#include <limits.h>
#include <math.h>

#define MANY 6

static struct coro_event *event;

static void *wait_for_it(void *unused)
{
    void *value = unused;
    must(coro_event_wait(event, &value, CORO_FOREVER) == 0);
    return value;
}

static void *wait_for_error(void *unused)
{
    return outcome(coro_event_wait(event, &unused, CORO_FOREVER));
}

static void start_waiters(pthread_t *threads, int count)
{
    for (int i = 0; i < count; i++) {
        size_t before = coro_event_waiting(event);
        threads[i] = start(wait_for_it, NULL);
        wait_until(coro_event_waiting(event) == before + 1);
    }
}

static void *one = (void *)1, *two = (void *)2, *three = (void *)3;

START_TEST(signal_tells_those_who_wait_and_nobody_else)
{
    pthread_t threads[MANY];
    event = coro_event_new(_i ? CORO_EVENT_AUTO : CORO_EVENT_MANUAL);
    ck_assert_int_eq(coro_event_signal(event, 0, one), 0);
    must_fail(coro_event_wait(event, NULL, 0), ETIMEDOUT);
    start_waiters(threads, MANY);
    ck_assert_int_eq(coro_event_signal(event, 2, one), 2);
    ck_assert_int_eq(coro_event_signal(event, 0, two), MANY - 2);
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_eq(end_of(threads[i]), i < 2 ? one : two);
    ck_assert_int_eq(coro_event_free(event), 0);
}
END_TEST

START_TEST(publish_tells_the_next_n)
{
    pthread_t threads[2];
    void *value = NULL;
    event = coro_event_new(_i ? CORO_EVENT_AUTO : CORO_EVENT_MANUAL);
    start_waiters(threads, 2);
    ck_assert_int_eq(coro_event_publish(event, 4, one), 0);
    ck_assert_ptr_eq(end_of(threads[0]), one);
    ck_assert_ptr_eq(end_of(threads[1]), one);
    for (intptr_t i = 10; i < 40; i++)
        must(coro_event_publish(event, 1, (void *)i) == 0);
    must(coro_event_wait(event, &value, 0) == 0 && value == one);
    must(coro_event_wait(event, &value, 0) == 0 && value == one);
    for (intptr_t i = 10; i < 40; i++)
        must(coro_event_wait(event, &value, 0) == 0 && value == (void *)i);
    must_fail(coro_event_wait(event, &value, 0), ETIMEDOUT);
    must_fail(coro_event_publish(event, 0, one), EINVAL);
    must(coro_event_publish(event, 5, one) == 0);
    must(coro_event_reset(event) == 0);
    must_fail(coro_event_wait(event, &value, SOON), ETIMEDOUT);
    ck_assert_int_eq(coro_event_free(event), 0);
}
END_TEST

START_TEST(manual_stays_set)
{
    pthread_t threads[MANY];
    void *value = NULL;
    event = coro_event_new(CORO_EVENT_MANUAL);
    start_waiters(threads, MANY);
    ck_assert_int_eq(coro_event_set(event, one), 0);
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_eq(end_of(threads[i]), one);
    must(coro_event_wait(event, &value, 0) == 0 && value == one);
    must(coro_event_set(event, two) == 0);
    must(coro_event_publish(event, 1, three) == 0);
    must(coro_event_wait(event, &value, 0) == 0 && value == three);
    must(coro_event_wait(event, &value, 0) == 0 && value == two);
    must(coro_event_wait(event, NULL, 0) == 0);
    must(coro_event_reset(event) == 0);
    must_fail(coro_event_wait(event, &value, 0), ETIMEDOUT);
    ck_assert_int_eq(coro_event_free(event), 0);
}
END_TEST

START_TEST(auto_is_reset_by_the_first)
{
    pthread_t threads[2];
    void *value = NULL;
    event = coro_event_new(CORO_EVENT_AUTO);
    start_waiters(threads, 2);
    must(coro_event_set(event, one) == 0);
    ck_assert_ptr_eq(end_of(threads[0]), one);
    ck_assert_uint_eq(coro_event_waiting(event), 1);
    must(coro_event_set(event, two) == 0);
    ck_assert_ptr_eq(end_of(threads[1]), two);
    must_fail(coro_event_wait(event, &value, 0), ETIMEDOUT);
    must(coro_event_set(event, one) == 0 && coro_event_set(event, two) == 0);
    must(coro_event_wait(event, &value, 0) == 0 && value == two);
    must_fail(coro_event_wait(event, &value, 0), ETIMEDOUT);
    ck_assert_int_eq(coro_event_free(event), 0);
}
END_TEST

START_TEST(errors_of_an_event)
{
    pthread_t threads[MANY];
    errno = 0;
    ck_assert_ptr_null(coro_event_new((enum coro_event_kind)7));
    ck_assert_int_eq(errno, EINVAL);
    event = coro_event_new(CORO_EVENT_AUTO);
    must_fail(coro_event_wait(event, NULL, NAN), EINVAL);
    for (int i = 0; i < MANY; i++)
        threads[i] = start(wait_for_error, NULL);
    wait_until(coro_event_waiting(event) == MANY);
    must(pthread_cancel(threads[0]) == 0);
    ck_assert_ptr_eq(end_of(threads[0]), PTHREAD_CANCELED);
    ck_assert_uint_eq(coro_event_waiting(event), MANY - 1);
    must_fail(coro_event_free(event), EBUSY);
    ck_assert_int_eq(coro_event_close(event), 0);
    must_fail(coro_event_wait(event, NULL, CORO_FOREVER), EPIPE);
    must_fail(coro_event_set(event, one), EPIPE);
    must_fail(coro_event_publish(event, 1, one), EPIPE);
    must_fail((int)coro_event_signal(event, 1, one), EPIPE);
    ck_assert_int_eq(coro_event_close(event), 0);
    ck_assert_int_eq(coro_event_reset(event), 0);
    ck_assert_int_eq(coro_event_free(event), 0);
    ck_assert_int_eq(coro_event_free(NULL), 0);
    for (int i = 1; i < MANY; i++)
        ck_assert_int_eq(code(end_of(threads[i])), EPIPE);
}
END_TEST

/* ---- topics ---- */

static struct coro_topic *topic;

#define MESSAGES 1000

/* Every message in order, from the first on. */
static void *receive_all(void *subscription)
{
    long number;
    for (long i = 0; i < MESSAGES; i++)
        must(coro_subscription_receive(subscription, &number, CORO_FOREVER) == 0 && number == i);
    must(coro_subscription_receive(subscription, &number, CORO_FOREVER) == -1 && errno == EPIPE);
    must(coro_subscription_free(subscription) == 0);
    return NULL;
}

START_TEST(every_subscriber_gets_each_message_in_order)
{
    pthread_t threads[MANY];
    topic = coro_topic_new(sizeof(long), _i ? 3 : 0);
    long none = -1;
    must(coro_topic_publish(topic, &none, 0) == 0); /* to nobody */
    for (int i = 0; i < MANY; i++)
        threads[i] = start(receive_all, coro_topic_subscribe(topic));
    for (long i = 0; i < MESSAGES; i++)
        must(coro_topic_publish(topic, &i, CORO_FOREVER) == 0);
    must(coro_topic_close(topic) == 0);
    for (int i = 0; i < MANY; i++)
        end_of(threads[i]);
    ck_assert_int_eq(coro_topic_free(topic), 0);
}
END_TEST

START_TEST(who_is_slow_holds_up_who_publishes)
{
    long number = 0;
    topic = coro_topic_new(sizeof(long), 2);
    struct coro_subscription *quick = coro_topic_subscribe(topic);
    struct coro_subscription *slow = coro_topic_subscribe(topic);
    for (long i = 0; i < 2; i++)
        must(coro_topic_publish(topic, &i, 0) == 0);
    must_fail(coro_topic_publish(topic, &number, 0), ETIMEDOUT);
    must_fail(coro_topic_publish(topic, &number, NAN), EINVAL);
    for (long i = 0; i < 2; i++)
        must(coro_subscription_receive(quick, &number, 0) == 0 && number == i);
    must_fail(coro_subscription_receive(quick, &number, SOON), ETIMEDOUT);
    must_fail(coro_subscription_receive(quick, &number, NAN), EINVAL);
    must_fail(coro_topic_publish(topic, &number, SOON), ETIMEDOUT);
    ck_assert_uint_eq(coro_subscription_length(quick), 0);
    ck_assert_uint_eq(coro_subscription_length(slow), 2);
    must(coro_subscription_free(slow) == 0);
    number = 7;
    must(coro_topic_publish(topic, &number, 0) == 0);
    must_fail(coro_topic_free(topic), EBUSY);
    must(coro_topic_close(topic) == 0);
    must(coro_subscription_receive(quick, &number, 0) == 0 && number == 7);
    must_fail(coro_subscription_receive(quick, &number, CORO_FOREVER), EPIPE);
    must_fail(coro_topic_publish(topic, &number, CORO_FOREVER), EPIPE);
    errno = 0;
    ck_assert_ptr_null(coro_topic_subscribe(topic));
    ck_assert_int_eq(errno, EPIPE);
    must(coro_subscription_free(quick) == 0 && coro_topic_free(topic) == 0);
    must(coro_subscription_free(NULL) == 0 && coro_topic_free(NULL) == 0);
    errno = 0;
    ck_assert_ptr_null(coro_topic_new(0, 0));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

static void *publish_one(void *unused)
{
    long number = 9;
    (void)unused;
    return outcome(coro_topic_publish(topic, &number, CORO_FOREVER));
}

static void *receive_error(void *subscription)
{
    long number;
    return outcome(coro_subscription_receive(subscription, &number, CORO_FOREVER));
}

START_TEST(a_subscription_that_ends_lets_publishers_go_on)
{
    long number = 1;
    topic = coro_topic_new(sizeof(long), 1);
    struct coro_subscription *gone = coro_topic_subscribe(topic);
    struct coro_subscription *stays = coro_topic_subscribe(topic);
    must(coro_topic_publish(topic, &number, 0) == 0);
    pthread_t publisher = start(publish_one, NULL);
    must(coro_subscription_receive(stays, &number, 0) == 0);
    let_others_run();
    must(coro_subscription_free(gone) == 0);
    ck_assert_int_eq(code(end_of(publisher)), 0);
    must(coro_subscription_receive(stays, &number, 0) == 0 && number == 9);
    pthread_t receiver = start(receive_error, stays);
    for (int i = 0; i < 20; i++)
        let_others_run();
    if (is_cooperative())
        must_fail(coro_subscription_free(stays), EBUSY);
    must(pthread_cancel(receiver) == 0);
    ck_assert_ptr_eq(end_of(receiver), PTHREAD_CANCELED);
    must(coro_subscription_free(stays) == 0 && coro_topic_free(topic) == 0);
}
END_TEST

/* ---- groups ---- */

static struct coro_group *group;
static int finished;

static void *work(void *unused)
{
    let_others_run();
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    must(coro_group_done(group) == 0);
    return unused;
}

static void *wait_for_group(void *unused)
{
    (void)unused;
    return outcome(coro_group_wait(group, CORO_FOREVER));
}

START_TEST(a_group_is_waited_for_until_all_is_done)
{
    pthread_t threads[MANY], waiter;
    group = coro_group_new();
    must(coro_group_wait(group, 0) == 0);
    must(coro_group_add(group, MANY) == 0);
    must_fail(coro_group_wait(group, 0), ETIMEDOUT);
    waiter = start(wait_for_group, NULL);
    for (int i = 0; i < MANY; i++)
        threads[i] = start(work, NULL);
    must(coro_group_wait(group, CORO_FOREVER) == 0);
    ck_assert_int_eq(finished, MANY);
    for (int i = 0; i < MANY; i++)
        end_of(threads[i]);
    ck_assert_int_eq(code(end_of(waiter)), 0);
    must_fail(coro_group_done(group), EINVAL);
    must_fail(coro_group_add(group, -1), EINVAL);
    must_fail(coro_group_wait(group, NAN), EINVAL);
    must(coro_group_add(group, LONG_MAX) == 0);
    must_fail(coro_group_add(group, 1), EINVAL);
    waiter = start(wait_for_group, NULL);
    for (int i = 0; i < 20; i++)
        let_others_run();
    if (is_cooperative())
        must_fail(coro_group_free(group), EBUSY);
    must(pthread_cancel(waiter) == 0);
    ck_assert_ptr_eq(end_of(waiter), PTHREAD_CANCELED);
    must(coro_group_free(group) == 0 && coro_group_free(NULL) == 0);
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE("event", signal_tells_those_who_wait_and_nobody_else, publish_tells_the_next_n,
                    manual_stays_set, auto_is_reset_by_the_first, errors_of_an_event,
                    every_subscriber_gets_each_message_in_order, who_is_slow_holds_up_who_publishes,
                    a_subscription_that_ends_lets_publishers_go_on,
                    a_group_is_waited_for_until_all_is_done);
}
