/* Channels: rendezvous, order, timeouts, errors, closing, cancellation, signals, fork. */
#include "threads.h"

#include <math.h>

static struct coro_channel *channel;

static void set_up(size_t bytes)
{
    channel = coro_channel_new(bytes);
    must(channel);
}

static void tear_down(void)
{
    ck_assert_int_eq(coro_channel_free(channel), 0);
}

static void *send_one(void *value)
{
    return outcome(coro_channel_send(channel, &value, CORO_FOREVER));
}

static void *receive_one(void *unused)
{
    void *value = unused;
    must(coro_channel_receive(channel, &value, CORO_FOREVER) == 0);
    return value;
}

static void *receive_error(void *unused)
{
    return outcome(coro_channel_receive(channel, &unused, CORO_FOREVER));
}

START_TEST(value_arrives_whoever_comes_first)
{
    void *value = NULL;
    set_up(sizeof(void *));
    pthread_t sender = start(send_one, &value);
    wait_until(coro_channel_has_sender(channel) == 1);
    ck_assert_uint_eq(coro_channel_has_receiver(channel), 0);
    ck_assert_int_eq(coro_channel_receive(channel, &value, 0), 0);
    ck_assert_ptr_eq(value, &value);
    ck_assert_int_eq(code(end_of(sender)), 0);

    pthread_t receiver = start(receive_one, NULL);
    wait_until(coro_channel_has_receiver(channel) == 1);
    ck_assert_uint_eq(coro_channel_has_sender(channel), 0);
    ck_assert_int_eq(coro_channel_send(channel, &value, 0), 0);
    ck_assert_ptr_eq(end_of(receiver), &value);
    tear_down();
}
END_TEST

static size_t bytes_sent;

static void *send_bytes(void *unused)
{
    char value[300];
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (char)(i + bytes_sent);
    (void)unused;
    return outcome(coro_channel_send(channel, value, CORO_FOREVER));
}

START_TEST(value_has_any_size)
{
    static const size_t sizes[] = { 0, 1, 7, 8, 9, 16, 300 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char value[301] = { 0 };
        bytes_sent = sizes[i];
        set_up(bytes_sent);
        pthread_t sender = start(send_bytes, NULL);
        ck_assert_int_eq(coro_channel_receive(channel, value, CORO_FOREVER), 0);
        ck_assert_int_eq(code(end_of(sender)), 0);
        for (size_t j = 0; j < sizeof(value); j++)
            must(value[j] == (j < bytes_sent ? (char)(j + bytes_sent) : 0));
        tear_down();
    }
}
END_TEST

START_TEST(waits_time_out)
{
    static const double times[] = { SOON, 0, -1, -INFINITY };
    void *value = NULL;
    set_up(sizeof(void *));
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        must_fail(coro_channel_send(channel, &value, times[i]), ETIMEDOUT);
        must_fail(coro_channel_receive(channel, &value, times[i]), ETIMEDOUT);
        must_fail(coro_channel_send_error(channel, EIO, times[i]), ETIMEDOUT);
    }
    ck_assert_uint_eq(coro_channel_has_sender(channel) + coro_channel_has_receiver(channel), 0);
    tear_down();
}
END_TEST

START_TEST(a_timeout_lasts)
{
    struct timespec from, to;
    void *value;
    set_up(sizeof(void *));
    clock_gettime(CLOCK_MONOTONIC, &from);
    must_fail(coro_channel_receive(channel, &value, 0.05), ETIMEDOUT);
    clock_gettime(CLOCK_MONOTONIC, &to);
    long long passed = (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec;
    ck_assert_int_ge(passed, 50000000);
    tear_down();
}
END_TEST

START_TEST(not_a_number_is_einval)
{
    void *value = NULL;
    set_up(sizeof(void *));
    must_fail(coro_channel_send(channel, &value, NAN), EINVAL);
    must_fail(coro_channel_receive(channel, &value, NAN), EINVAL);
    must_fail(coro_channel_send_error(channel, EIO, NAN), EINVAL);
    tear_down();
}
END_TEST

START_TEST(success_leaves_errno_alone)
{
    void *value = NULL;
    set_up(sizeof(void *));
    pthread_t sender = start(send_one, NULL);
    errno = 1234;
    must(coro_channel_receive(channel, &value, 10) == 0);
    ck_assert_int_eq(errno, 1234);
    must(coro_channel_close(channel) == 0);
    ck_assert_int_eq(errno, 1234);
    end_of(sender);
    tear_down();
}
END_TEST

#define MANY 7

START_TEST(senders_and_receivers_are_served_in_order)
{
    pthread_t threads[MANY];
    void *value;
    set_up(sizeof(void *));
    for (intptr_t i = 0; i < MANY; i++) {
        threads[i] = start(send_one, (void *)i);
        wait_until(coro_channel_has_sender(channel) == (size_t)i + 1);
    }
    for (intptr_t i = 0; i < MANY; i++) {
        must(coro_channel_receive(channel, &value, CORO_FOREVER) == 0);
        ck_assert_int_eq((intptr_t)value, i);
        end_of(threads[i]);
    }
    for (intptr_t i = 0; i < MANY; i++) {
        threads[i] = start(receive_one, NULL);
        wait_until(coro_channel_has_receiver(channel) == (size_t)i + 1);
    }
    for (intptr_t i = 0; i < MANY; i++) {
        value = (void *)i;
        must(coro_channel_send(channel, &value, CORO_FOREVER) == 0);
    }
    for (intptr_t i = 0; i < MANY; i++)
        ck_assert_int_eq((intptr_t)end_of(threads[i]), i);
    tear_down();
}
END_TEST

static void *send_error(void *error)
{
    return outcome(coro_channel_send_error(channel, (int)(intptr_t)error, CORO_FOREVER));
}

START_TEST(an_error_is_the_receivers)
{
    void *value = (void *)1;
    set_up(sizeof(void *));
    pthread_t other = start(send_error, (void *)(intptr_t)EBADMSG);
    must_fail(coro_channel_receive(channel, &value, CORO_FOREVER), EBADMSG);
    ck_assert_ptr_eq(value, (void *)1);
    ck_assert_int_eq(code(end_of(other)), 0);

    other = start(receive_error, NULL);
    wait_until(coro_channel_has_receiver(channel));
    ck_assert_int_eq(coro_channel_send_error(channel, EBADMSG, 0), 0);
    ck_assert_int_eq(code(end_of(other)), EBADMSG);

    must_fail(coro_channel_send_error(channel, 0, 0), EINVAL);
    must_fail(coro_channel_send_error(channel, -1, 0), EINVAL);
    tear_down();
}
END_TEST

START_TEST(closing_ends_waits_and_calls)
{
    pthread_t threads[MANY];
    void *value = NULL;
    for (int sending = 0; sending < 2; sending++) {
        set_up(sizeof(void *));
        for (int i = 0; i < MANY; i++)
            threads[i] = start(sending ? send_one : receive_error, NULL);
        wait_until(coro_channel_has_sender(channel) + coro_channel_has_receiver(channel) == MANY);
        must_fail(coro_channel_free(channel), EBUSY);
        ck_assert_int_eq(coro_channel_close(channel), 0);
        ck_assert_int_eq(coro_channel_close(channel), 0);
        must_fail(coro_channel_send(channel, &value, CORO_FOREVER), EPIPE);
        must_fail(coro_channel_receive(channel, &value, CORO_FOREVER), EPIPE);
        must_fail(coro_channel_send_error(channel, EIO, CORO_FOREVER), EPIPE);
        tear_down(); /* at once: those who were woken are no trouble */
        for (int i = 0; i < MANY; i++)
            ck_assert_int_eq(code(end_of(threads[i])), EPIPE);
    }
    ck_assert_int_eq(coro_channel_free(NULL), 0);
}
END_TEST

static char order[8];

static void *receive_and_note(void *unused)
{
    receive_one(unused);
    strcat(order, "r");
    return NULL;
}

static void *note(void *unused)
{
    strcat(order, "o");
    return unused;
}

START_TEST(receiver_runs_first_and_sender_last)
{
    void *value = NULL;
    if (!is_cooperative())
        return;
    set_up(sizeof(void *));
    pthread_t receiver = start(receive_and_note, NULL);
    wait_until(coro_channel_has_receiver(channel));
    pthread_t other = start(note, NULL);
    must(coro_channel_send(channel, &value, CORO_FOREVER) == 0);
    strcat(order, "s");
    ck_assert_str_eq(order, "ros");
    end_of(receiver);
    end_of(other);
    tear_down();
}
END_TEST

static int cleaned;

static void clean(void *unused)
{
    (void)unused;
    cleaned++;
}

static void *send_guarded(void *value)
{
    pthread_cleanup_push(clean, NULL);
    send_one(value);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *receive_guarded(void *unused)
{
    pthread_cleanup_push(clean, NULL);
    receive_one(unused);
    pthread_cleanup_pop(0);
    return NULL;
}

START_TEST(cancellation_ends_a_wait_and_leaves_no_trace)
{
    void *value = &cleaned;
    set_up(sizeof(void *));
    for (int i = 0; i < 100; i++) {
        pthread_t thread = start(i % 2 ? send_guarded : receive_guarded, NULL);
        if (i % 4 < 2)
            wait_until(coro_channel_has_sender(channel) + coro_channel_has_receiver(channel));
        must(pthread_cancel(thread) == 0);
        ck_assert_ptr_eq(end_of(thread), PTHREAD_CANCELED);
        ck_assert_uint_eq(coro_channel_has_sender(channel), 0);
        ck_assert_uint_eq(coro_channel_has_receiver(channel), 0);
    }
    ck_assert_int_eq(cleaned, 100);
    pthread_t thread = start(receive_one, NULL);
    must(coro_channel_send(channel, &value, CORO_FOREVER) == 0);
    ck_assert_ptr_eq(end_of(thread), value);
    tear_down();
}
END_TEST

static void *receive_undisturbed(void *unused)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return receive_one(unused);
}

START_TEST(disabled_cancellation_does_not_end_a_wait)
{
    void *value = &cleaned;
    set_up(sizeof(void *));
    for (int i = 0; i < 100; i++) {
        pthread_t thread = start(receive_undisturbed, NULL);
        if (i % 2)
            wait_until(coro_channel_has_receiver(channel));
        must(pthread_cancel(thread) == 0);
        must(coro_channel_send(channel, &value, CORO_FOREVER) == 0);
        ck_assert_ptr_eq(end_of(thread), value);
    }
    tear_down();
}
END_TEST

static volatile sig_atomic_t handled;

static void handle(int signal)
{
    (void)signal;
    handled++;
}

START_TEST(a_signal_does_not_end_a_wait_nor_cost_the_place)
{
    struct sigaction action = { .sa_handler = handle };
    pthread_t threads[MANY];
    set_up(sizeof(void *));
    must(sigaction(SIGUSR1, &action, NULL) == 0);
    for (intptr_t i = 0; i < MANY; i++) {
        threads[i] = start(receive_one, NULL);
        wait_until(coro_channel_has_receiver(channel) == (size_t)i + 1);
    }
    for (int i = 0; i < MANY; i += 2) {
        must(pthread_kill(threads[i], SIGUSR1) == 0);
        wait_until(handled == i / 2 + 1);
    }
    wait_until(coro_channel_has_receiver(channel) == MANY);
    for (intptr_t i = 0; i < MANY; i++) {
        void *value = (void *)i;
        must(coro_channel_send(channel, &value, CORO_FOREVER) == 0);
    }
    for (intptr_t i = 0; i < MANY; i++)
        ck_assert_int_eq((intptr_t)end_of(threads[i]), i);
    tear_down();
}
END_TEST

static void *ends_at_once(void *unused)
{
    return unused;
}

static int receive_int(void)
{
    void *value;
    return coro_channel_receive(channel, &value, CORO_FOREVER) == 0 ? 0 : errno;
}

START_TEST(limits_around_a_call_end_its_wait)
{
    int error = 0;
    void *value = &cleaned;
    set_up(sizeof(void *));
    if (_i) /* also before the first thread */
        end_of(start(ends_at_once, NULL));
    must_fail(coro_with_timeout(SOON, &error, receive_int, "i()"), ETIMEDOUT);
    ck_assert_uint_eq(coro_channel_has_receiver(channel), 0);
    must_fail(coro_with_deadline(SOON, &error, receive_int, "i()"), ETIMEDOUT);
    ck_assert_int_eq(error, ETIMEDOUT);
    ck_assert_uint_eq(coro_channel_has_receiver(channel), 0);
    pthread_t sender = start(send_one, value);
    must(coro_with_timeout(CORO_FOREVER, &error, receive_int, "i()") == 0 && error == 0);
    ck_assert_int_eq(code(end_of(sender)), 0);
    tear_down();
}
END_TEST

static void use_in_child(void)
{
    void *value = &cleaned;
    must(coro_channel_has_receiver(channel) == 0);
    must(coro_channel_send(channel, &value, 0) == -1 && errno == ETIMEDOUT);
    pthread_t receiver = start(receive_one, NULL);
    must(coro_channel_send(channel, &value, CORO_FOREVER) == 0);
    must(end_of(receiver) == value);
    must(coro_channel_free(channel) == 0);
}

START_TEST(a_forked_childs_channel_has_no_waiters)
{
    void *value = NULL;
    set_up(sizeof(void *));
    pthread_t receiver = start(receive_one, NULL);
    wait_until(coro_channel_has_receiver(channel));
    must(in_child(use_in_child));
    must(coro_channel_send(channel, &value, CORO_FOREVER) == 0);
    ck_assert_ptr_eq(end_of(receiver), NULL);
    tear_down();
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE(
        "channel", value_arrives_whoever_comes_first, value_has_any_size, waits_time_out,
        a_timeout_lasts, not_a_number_is_einval, success_leaves_errno_alone,
        senders_and_receivers_are_served_in_order, an_error_is_the_receivers,
        closing_ends_waits_and_calls, receiver_runs_first_and_sender_last,
        cancellation_ends_a_wait_and_leaves_no_trace, disabled_cancellation_does_not_end_a_wait,
        a_signal_does_not_end_a_wait_nor_cost_the_place, a_forked_childs_channel_has_no_waiters,
        limits_around_a_call_end_its_wait);
}
