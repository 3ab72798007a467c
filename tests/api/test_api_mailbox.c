/* Mailboxes: order, limits, types, matching, batches, calls and replies, and threads that end. */
#include "threads.h"

#include <math.h>

static struct coro_message content(long type, intptr_t data)
{
    return (struct coro_message){ .type = type, .data = (void *)data, .bytes = 5 };
}

static int send_to(coro_id to, long type, intptr_t data, double seconds)
{
    struct coro_message message = content(type, data);
    return coro_mailbox_send(to, &message, seconds);
}

static coro_id spawn(void (*fn)(void *), void *argument)
{
    coro_id id = coro_spawn("test", fn, "v(p)", argument);
    must(id);
    return id;
}

static void join(coro_id id)
{
    must(coro_join(id, CORO_FOREVER, NULL) == 0);
}

START_TEST(a_thread_may_write_to_itself)
{
    struct coro_message got;
    coro_id self = coro_current();
    must_fail(coro_mailbox_receive(&got, 0), ETIMEDOUT);
    must_fail(coro_mailbox_receive(&got, SOON), ETIMEDOUT);
    for (intptr_t i = 1; i <= 50; i++)
        must(send_to(self, 7, i, 0) == 0);
    ck_assert_int_eq(coro_mailbox_length(0), 50);
    ck_assert_int_eq(coro_mailbox_length(self), 50);
    for (intptr_t i = 1; i <= 50; i++) {
        must(coro_mailbox_receive(&got, 0) == 0);
        must(got.type == 7 && got.data == (void *)i && got.bytes == 5 && got.from == self &&
             got.to == self && got.number == (uint64_t)i && got.call == 0);
    }
    ck_assert_int_eq(coro_mailbox_length(0), 0);
}
END_TEST

START_TEST(a_full_mailbox_lets_in_as_many_as_leave)
{
    struct coro_message got, message = content(1, 1);
    coro_id self = coro_current();
    must(coro_mailbox_set_limit(2) == 0);
    must(send_to(self, 1, 1, 0) == 0 && send_to(self, 2, 2, 0) == 0);
    must_fail(send_to(self, 3, 3, 0), ETIMEDOUT);
    must_fail(send_to(self, 3, 3, SOON), ETIMEDOUT);
    must_fail(coro_mailbox_call(coro_current(), &message, NULL, 0), EDEADLK);
    must(coro_mailbox_receive(&got, 0) == 0 && got.type == 1);
    must(send_to(self, 3, 3, 0) == 0);
    must(coro_mailbox_set_limit(1) == 0); /* those in it stay */
    must_fail(send_to(self, 4, 4, 0), ETIMEDOUT);
    must(coro_mailbox_receive(&got, 0) == 0 && got.type == 2);
    must_fail(send_to(self, 4, 4, 0), ETIMEDOUT);
    must(coro_mailbox_receive(&got, 0) == 0 && got.type == 3);
    must(coro_mailbox_set_limit(0) == 0);
    for (int i = 0; i < 3 * CORO_MAILBOX_LIMIT; i++)
        must(send_to(self, i, i, 0) == 0);
    ck_assert_int_eq(coro_mailbox_length(0), 3 * CORO_MAILBOX_LIMIT);
}
END_TEST

START_TEST(the_limit_is_a_thousand_at_first)
{
    for (int i = 0; i < CORO_MAILBOX_LIMIT; i++)
        must(send_to(coro_current(), i, i, 0) == 0);
    must_fail(send_to(coro_current(), 1, 1, 0), ETIMEDOUT);
}
END_TEST

struct pusher {
    coro_id to;
    long type;
    int error;
};

static void push_one(void *argument)
{
    struct pusher *pusher = argument;
    pusher->error = send_to(pusher->to, pusher->type, pusher->type, CORO_FOREVER) == 0 ? 0 : errno;
}

static void pause_a_little(void)
{
    for (int i = 0; i < 20; i++)
        let_others_run();
}

START_TEST(raising_the_limit_lets_senders_in)
{
    struct pusher pushers[6];
    coro_id ids[6];
    struct coro_message got;
    must(coro_mailbox_set_limit(1) == 0);
    must(send_to(coro_current(), 99, 0, 0) == 0);
    for (long i = 0; i < 6; i++) {
        pushers[i] = (struct pusher){ coro_current(), i, -1 };
        ids[i] = spawn(push_one, &pushers[i]);
        pause_a_little();
    }
    ck_assert_int_eq(coro_mailbox_length(0), 1);
    must(coro_mailbox_set_limit(_i ? 4 : 0) == 0);
    for (long i = 0; i < 7; i++) {
        must(coro_mailbox_receive(&got, CORO_FOREVER) == 0);
        if (is_cooperative())
            ck_assert_int_eq(got.type, i ? i - 1 : 99);
    }
    for (int i = 0; i < 6; i++) {
        join(ids[i]);
        ck_assert_int_eq(pushers[i].error, 0);
    }
}
END_TEST

static int is_odd_and_over(const struct coro_message *message, void *least)
{
    return message->type % 2 && message->type > *(long *)least;
}

static int sends_while_matching(const struct coro_message *message, void *unused)
{
    (void)unused;
    must(send_to(coro_current(), message->type + 1, 0, 0) == 0);
    return message->type == 9;
}

START_TEST(others_stay_when_a_type_or_a_match_is_wanted)
{
    struct coro_message got;
    coro_id self = coro_current();
    long least = 4;
    for (long i = 0; i < 10; i++)
        must(send_to(self, i, i, 0) == 0);
    must(coro_mailbox_receive_type(3, &got, 0) == 0 && got.data == (void *)3);
    must_fail(coro_mailbox_receive_type(3, &got, 0), ETIMEDOUT);
    must(coro_mailbox_receive_match(is_odd_and_over, &least, &got, 0) == 0 && got.type == 5);
    least = 9;
    must_fail(coro_mailbox_receive_match(is_odd_and_over, &least, &got, SOON), ETIMEDOUT);
    must_fail(coro_mailbox_receive_match(NULL, NULL, &got, 0), EINVAL);
    must_fail(coro_mailbox_receive_match(is_odd_and_over, &least, &got, NAN), EINVAL);
    static const long rest[] = { 0, 1, 2, 4, 6, 7, 8, 9 };
    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
        must(coro_mailbox_receive(&got, 0) == 0 && got.type == rest[i]);
    must(send_to(self, 5, 0, 0) == 0);
    must(coro_mailbox_receive_match(sends_while_matching, NULL, &got, 0) == 0 && got.type == 9);
    ck_assert_int_eq(coro_mailbox_length(0), 5);
}
END_TEST

static void push_three(void *to)
{
    for (long i = 1; i <= 3; i++) {
        must(send_to(*(coro_id *)to, i, i, CORO_FOREVER) == 0);
        let_others_run();
    }
}

START_TEST(who_wants_a_type_waits_for_it)
{
    struct coro_message got;
    coro_id self = coro_current();
    long least = 2;
    ck_assert_int_eq(coro_mailbox_length(0), 0); /* natively there is one from now on */
    coro_id pusher = spawn(push_three, &self);
    if (_i)
        must(coro_mailbox_receive_type(3, &got, CORO_FOREVER) == 0);
    else
        must(coro_mailbox_receive_match(is_odd_and_over, &least, &got, CORO_FOREVER) == 0);
    ck_assert_int_eq(got.type, 3);
    join(pusher);
    must(coro_mailbox_receive(&got, 0) == 0 && got.type == 1);
    must(coro_mailbox_receive(&got, 0) == 0 && got.type == 2);
    ck_assert_uint_eq(got.from, pusher);
}
END_TEST

START_TEST(a_batch_ends_with_its_size_or_its_time)
{
    struct coro_message got[10];
    coro_id self = coro_current();
    must_fail((int)coro_mailbox_receive_batch(got, 10, 0, 10), ETIMEDOUT);
    must_fail((int)coro_mailbox_receive_batch(got, 0, 0, 0), EINVAL);
    must_fail((int)coro_mailbox_receive_batch(got, 1, NAN, 0), EINVAL);
    must_fail((int)coro_mailbox_receive_batch(got, 1, 0, NAN), EINVAL);
    for (long i = 0; i < 7; i++)
        must(send_to(self, i, i, 0) == 0);
    errno = 77;
    ck_assert_int_eq(coro_mailbox_receive_batch(got, 4, 0, CORO_FOREVER), 4);
    must(got[0].type == 0 && got[3].type == 3);
    ck_assert_int_eq(coro_mailbox_receive_batch(got, 10, 0, SOON), 3);
    ck_assert_int_eq(errno, 77);
    must(got[0].type == 4 && got[2].type == 6);
    coro_id pusher = spawn(push_three, &self);
    ck_assert_int_eq(coro_mailbox_receive_batch(got, 3, CORO_FOREVER, CORO_FOREVER), 3);
    join(pusher);
}
END_TEST

#define STOP (-1)

/* Doubles what it is sent; type 1 is an error, 2 is left unanswered, 3 is answered late. */
static void serve(void *unused)
{
    struct coro_message message, late = { 0 };
    (void)unused;
    while (coro_mailbox_receive(&message, CORO_FOREVER) == 0 && message.type != STOP) {
        struct coro_message reply = content(100, 2 * (intptr_t)message.data);
        if (message.type == 1)
            must(coro_mailbox_reply_error(&message, EDOM) == 0);
        else if (message.type == 3)
            late = message;
        else if (message.type == 4)
            must_fail(coro_mailbox_reply(&late, &reply), ESTALE);
        else if (message.type != 2)
            must(coro_mailbox_reply(&message, &reply) == 0);
    }
}

START_TEST(a_call_gets_its_reply)
{
    coro_id server = spawn(serve, NULL);
    struct coro_message call, reply;
    for (intptr_t i = 0; i < 100; i++) {
        call = content(0, i);
        must(coro_mailbox_call(server, &call, &reply, CORO_FOREVER) == 0);
        must(reply.type == 100 && reply.data == (void *)(2 * i) && reply.bytes == 5 &&
             reply.from == server && reply.to == coro_current());
    }
    call = content(0, 1);
    must(coro_mailbox_call(server, &call, NULL, CORO_FOREVER) == 0);
    call = content(1, 1);
    must_fail(coro_mailbox_call(server, &call, &reply, CORO_FOREVER), EDOM);
    call = content(2, 1);
    must_fail(coro_mailbox_call(server, &call, &reply, SOON), ETIMEDOUT);
    call = content(3, 1);
    must_fail(coro_mailbox_call(server, &call, &reply, SOON), ETIMEDOUT);
    must(send_to(server, 4, 0, CORO_FOREVER) == 0);
    must_fail(coro_mailbox_call(server, &call, &reply, NAN), EINVAL);
    must(send_to(coro_current(), 0, 0, 0) == 0);
    must(coro_mailbox_receive(&call, 0) == 0);
    must_fail(coro_mailbox_reply(&call, &reply), EINVAL);
    must_fail(coro_mailbox_reply_error(&call, EIO), EINVAL);
    must_fail(coro_mailbox_reply_error(&call, 0), EINVAL);
    call = content(STOP, 0);
    must_fail(coro_mailbox_call(server, &call, &reply, CORO_FOREVER), ESRCH);
    join(server);
    must_fail(coro_mailbox_call(server, &call, &reply, CORO_FOREVER), ESRCH);
    must_fail(send_to(server, 0, 0, CORO_FOREVER), ESRCH);
    must_fail((int)coro_mailbox_length(server), ESRCH);
    call.call = 1, call.to = server;
    must_fail(coro_mailbox_reply(&call, &reply), ESRCH);
}
END_TEST

struct caller {
    coro_id server;
    long calls;
};

static void call_often(void *argument)
{
    const struct caller *caller = argument;
    struct coro_message call, reply;
    for (intptr_t i = 0; i < caller->calls; i++) {
        call = content(0, i);
        must(coro_mailbox_call(caller->server, &call, &reply, CORO_FOREVER) == 0);
        must(reply.data == (void *)(2 * i));
    }
}

static void serve_narrowly(void *limit)
{
    must(coro_mailbox_set_limit(*(size_t *)limit) == 0);
    serve(NULL);
}

START_TEST(calls_through_a_narrow_mailbox_get_their_replies)
{
    coro_id callers[8];
    size_t limit = _i ? 1 : 3;
    struct caller caller = { spawn(serve_narrowly, &limit), is_cooperative() ? 500 : 50 };
    for (int i = 0; i < 8; i++)
        callers[i] = spawn(call_often, &caller);
    for (int i = 0; i < 8; i++)
        join(callers[i]);
    must(send_to(caller.server, STOP, 0, CORO_FOREVER) == 0);
    join(caller.server);
}
END_TEST

static void fill_and_end(void *unused)
{
    (void)unused;
    must(coro_mailbox_set_limit(1) == 0);
    pause_a_little();
}

START_TEST(a_thread_that_ends_fails_its_senders)
{
    struct pusher pushers[3];
    coro_id ids[3], target = spawn(fill_and_end, NULL);
    pause_a_little();
    for (long i = 0; i < 3; i++) {
        pushers[i] = (struct pusher){ target, i, -1 };
        ids[i] = spawn(push_one, &pushers[i]);
    }
    int failed = 0;
    for (int i = 0; i < 3; i++) {
        join(ids[i]);
        failed += pushers[i].error == ESRCH;
        must(pushers[i].error == ESRCH || pushers[i].error == 0);
    }
    ck_assert_int_ge(failed, 2);
    join(target);
    must_fail(send_to(target, 0, 0, 0), ESRCH);
    must_fail(send_to(123456789, 0, 0, CORO_FOREVER), ESRCH);
}
END_TEST

/* A mailbox is used again for the next thread: nothing is left in it. */
START_TEST(threads_come_and_go)
{
    struct coro_message call = content(0, 4), reply;
    for (int i = 0; i < (is_cooperative() ? 300 : 60); i++) {
        coro_id server = spawn(serve, NULL);
        must(coro_mailbox_call(server, &call, &reply, CORO_FOREVER) == 0);
        must(reply.data == (void *)8);
        must(send_to(server, STOP, 0, CORO_FOREVER) == 0);
        must(send_to(server, 0, 0, CORO_FOREVER) == 0 || errno == ESRCH);
        join(server);
    }
}
END_TEST

static void receive_for_ever(void *unused)
{
    struct coro_message message;
    (void)unused;
    coro_mailbox_receive(&message, CORO_FOREVER);
    must(!"reached");
}

START_TEST(a_receiver_may_be_shut_down)
{
    for (int i = 0; i < 100; i++) {
        coro_id receiver = spawn(receive_for_ever, NULL);
        if (i % 2)
            pause_a_little();
        coro_shutdown(receiver);
        must_fail(coro_join(receiver, CORO_FOREVER, NULL), ECANCELED);
        must_fail(send_to(receiver, 0, 0, 0), ESRCH);
    }
}
END_TEST

static void use_in_child(void)
{
    struct coro_message got;
    must(coro_mailbox_length(0) == 0);
    must(send_to(coro_current(), 3, 3, 0) == 0);
    must(coro_mailbox_receive(&got, 0) == 0 && got.type == 3);
    coro_id server = spawn(serve, NULL);
    struct coro_message call = content(0, 4), reply;
    must(coro_mailbox_call(server, &call, &reply, CORO_FOREVER) == 0 && reply.data == (void *)8);
    must(send_to(server, STOP, 0, 0) == 0);
    join(server);
}

START_TEST(a_forked_child_begins_with_empty_mailboxes)
{
    coro_id server = spawn(serve, NULL);
    struct coro_message got, call = content(0, 4), reply;
    must(send_to(coro_current(), 1, 1, 0) == 0);
    must(coro_mailbox_call(server, &call, &reply, CORO_FOREVER) == 0);
    must(in_child(use_in_child));
    must(coro_mailbox_receive(&got, 0) == 0 && got.type == 1);
    must(coro_mailbox_call(server, &call, &reply, CORO_FOREVER) == 0);
    must(send_to(server, STOP, 0, 0) == 0);
    join(server);
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE("mailbox", a_thread_may_write_to_itself,
                    a_full_mailbox_lets_in_as_many_as_leave, the_limit_is_a_thousand_at_first,
                    raising_the_limit_lets_senders_in, others_stay_when_a_type_or_a_match_is_wanted,
                    who_wants_a_type_waits_for_it, a_batch_ends_with_its_size_or_its_time,
                    a_call_gets_its_reply, calls_through_a_narrow_mailbox_get_their_replies,
                    a_thread_that_ends_fails_its_senders, threads_come_and_go,
                    a_receiver_may_be_shut_down, a_forked_child_begins_with_empty_mailboxes);
}
