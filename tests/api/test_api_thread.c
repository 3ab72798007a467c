/* Threads: made, started, joined, ended. */
#include "api.h"

#include <pthread.h>

static int add(int a, int b)
{
    return a + b;
}

static void sleep_long(void)
{
    for (;;)
        usleep(100000);
}

static volatile int cleaned;

static void clean(void *argument)
{
    cleaned += (int)(intptr_t)argument;
}

static volatile int ready;

static void sleep_with_cleanup(void)
{
    pthread_cleanup_push(clean, (void *)1);
    ready = 1;
    sleep_long();
    pthread_cleanup_pop(0);
}

static void until_ready(void)
{
    while (!ready)
        usleep(1000);
}

static void until_ended(coro_id id)
{
    struct coro_info info = { .size = sizeof(info) };
    do
        usleep(1000);
    while (coro_by_id(id, &info) == 0 && info.state != CORO_STATE_ENDED);
}

static void wait_for_parent(coro_id id)
{
    coro_join(id, CORO_FOREVER, NULL); /* fails */
}

static void fail_with(int error)
{
    pthread_cleanup_push(clean, (void *)1);
    coro_fail(error);
    pthread_cleanup_pop(0);
}

static void leave(void)
{
    pthread_exit(NULL);
}

START_TEST(new_does_not_start)
{
    int result = 0;
    struct coro_info info = { .size = sizeof(info) };
    coro_id id = coro_new(NULL, add, "i(ii)", 3, 4);
    must(id && coro_by_id(id, &info) == 0);
    must(info.state == CORO_STATE_NEW && info.parent == coro_current());
    ck_assert_str_eq(info.name, "add");
    fails(coro_join(id, 0, &result), EINVAL);
    must(coro_start(id) == 0);
    fails(coro_start(id), EALREADY);
    must(coro_join(id, CORO_FOREVER, &result) == 0 && result == 7);
    fails(coro_start(id), ESRCH);
    fails(coro_join(id, 0, NULL), ESRCH);
    fails(coro_by_id(id, &info), ESRCH);
}
END_TEST

#define NAMED(expected, ...)                                                                       \
    do {                                                                                           \
        struct coro_info info = { .size = sizeof(info) };                                          \
        coro_id id = coro_new(__VA_ARGS__, "i(ii)", 3, 4);                                         \
        must(id);                                                                                  \
        must(coro_by_id(id, &info) == 0);                                                          \
        ck_assert_str_eq(info.name, expected);                                                     \
        coro_shutdown(id);                                                                         \
    } while (0)

START_TEST(a_thread_without_a_name_has_its_functions)
{
    coro_fn const adders[] = { (coro_fn)add };
    NAMED("add", NULL, (coro_fn)add);
    NAMED("add", NULL, &add);
    NAMED("add", NULL, (coro_fn)&add);
    NAMED("add", NULL, (void (*)(void))(coro_fn)add);
    NAMED("(add)", NULL, (add));
    NAMED("(adders)[0]", NULL, (adders)[0]);
    NAMED("&add", "&add", add);
}
END_TEST

START_TEST(errors_of_joins_are_distinct)
{
    coro_id id = coro_spawn("sleeper", sleep_long, "v()");
    fails(coro_join(coro_current(), CORO_FOREVER, NULL), EDEADLK);
    fails(coro_join(1234567, CORO_FOREVER, NULL), ESRCH);
    fails(coro_join(id, 0.01, NULL), ETIMEDOUT);
    fails(coro_join(id, -1, NULL), ETIMEDOUT);
    fails(coro_join(id, __builtin_nan(""), NULL), EINVAL);
    coro_id other = coro_spawn("joiner", wait_for_parent, "v(Q)", id);
    while (coro_join(id, 0, NULL) == -1 && errno != EBUSY)
        usleep(1000);
    fails(coro_join(id, 0, NULL), EBUSY);
    fails(coro_detach(id), EBUSY);
    coro_shutdown(other);
    fails(coro_join(other, CORO_FOREVER, NULL), ECANCELED);
    coro_shutdown(id);
    fails(coro_join(id, CORO_FOREVER, NULL), ECANCELED);
}
END_TEST

START_TEST(shutdown_runs_cleanups_and_never_fails)
{
    coro_id id = coro_spawn(NULL, sleep_with_cleanup, "v()");
    struct coro_outcome outcome;
    until_ready();
    coro_shutdown(id);
    coro_shutdown(id);
    must(coro_join_outcome(id, CORO_FOREVER, &outcome) == 0);
    must(outcome.error == ECANCELED && cleaned == 1);
    coro_shutdown(id);
    coro_shutdown(0);
    coro_shutdown(987654321);
    id = coro_new(NULL, sleep_long, "v()");
    coro_shutdown(id);
    fails(coro_start(id), ESRCH);
}
END_TEST

START_TEST(shutdown_at_the_start_is_not_lost)
{
    for (int i = 0; i < 1000; i++) {
        coro_id id = coro_spawn(NULL, sleep_long, "v()");
        must(id);
        if (i % 2)
            coro_yield();
        coro_shutdown(id);
        fails(coro_join(id, CORO_FOREVER, NULL), ECANCELED);
    }
}
END_TEST

START_TEST(raise_and_fail_tell_their_error)
{
    struct coro_outcome outcome;
    coro_id id = coro_spawn(NULL, sleep_with_cleanup, "v()");
    fails(coro_raise(id, 0), EINVAL);
    until_ready();
    must(coro_raise(id, EPROTO) == 0);
    must(coro_join_outcome(id, CORO_FOREVER, &outcome) == 0 && outcome.error == EPROTO);
    must(cleaned == 1);
    id = coro_spawn(NULL, fail_with, "v(i)", ENOTNAM);
    until_ended(id);
    fails(coro_raise(id, EPROTO), ESTALE);
    must(coro_join_outcome(id, CORO_FOREVER, &outcome) == 0 && outcome.error == ENOTNAM);
    must(cleaned == 2);
    fails(coro_raise(id, EPROTO), ESRCH);
    fails(coro_raise(coro_current(), EPROTO), EINVAL);
    id = coro_new(NULL, sleep_long, "v()");
    must(coro_raise(id, EPROTO) == 0);
    fails(coro_start(id), EALREADY);
    must(coro_join_outcome(id, CORO_FOREVER, &outcome) == 0 && outcome.error == EPROTO);
    id = coro_spawn(NULL, leave, "v()");
    must(coro_join_outcome(id, CORO_FOREVER, &outcome) == 0 && outcome.error == ECANCELED);
    fails(coro_fail(EPROTO), EINVAL); /* main was not made by coro_spawn */
}
END_TEST

START_TEST(join_all_keeps_the_order)
{
    coro_id ids[10];
    struct coro_outcome outcomes[10];
    for (int i = 0; i < 10; i++)
        ids[i] = coro_spawn(NULL, add, "i(ii)", i, 100);
    must(coro_join_all(ids, 10, CORO_FOREVER, outcomes) == 0);
    for (int i = 0; i < 10; i++)
        must(outcomes[i].error == 0 && outcomes[i].value.i == 100 + i);
    ids[0] = coro_spawn(NULL, add, "i(ii)", 1, 1);
    ids[1] = coro_spawn(NULL, sleep_long, "v()");
    ids[2] = coro_spawn(NULL, fail_with, "v(i)", EIO);
    until_ended(ids[0]);
    until_ended(ids[2]);
    fails(coro_join_all(ids, 3, 0.01, outcomes), ETIMEDOUT);
    must(outcomes[0].value.i == 2 && outcomes[1].error == EINPROGRESS && outcomes[2].error == EIO);
    coro_shutdown(ids[1]);
    fails(coro_join_all(ids + 1, 1, CORO_FOREVER, NULL), ECANCELED);
}
END_TEST

static void family(int depth)
{
    if (depth == 0)
        return;
    coro_id ids[4];
    must(coro_spawn("child", family, "v(i)", depth - 1));
    must(coro_spawn("child", family, "v(i)", depth - 1));
    must(coro_children(coro_current(), ids, 4) == 2);
    must(coro_parent(ids[0]) == coro_current());
    must(coro_join_children(CORO_FOREVER) == 0);
    must(coro_children(coro_current(), ids, 4) == 0);
}

START_TEST(children_are_joined)
{
    coro_id id = coro_spawn("root", family, "v(i)", 6);
    must(coro_join(id, CORO_FOREVER, NULL) == 0);
    must(coro_join_children(CORO_FOREVER) == 0);
    id = coro_spawn(NULL, sleep_long, "v()");
    coro_id unstarted = coro_new(NULL, sleep_long, "v()");
    fails(coro_join_children(0.01), ETIMEDOUT);
    coro_shutdown(id);
    fails(coro_join_children(CORO_FOREVER), ECANCELED);
    coro_shutdown(unstarted);
    fails(coro_children(4321, NULL, 0), ESRCH);
}
END_TEST

static void orphan(coro_id *child)
{
    *child = coro_spawn(NULL, sleep_long, "v()");
}

START_TEST(a_parent_may_be_gone)
{
    coro_id child = 0, parent = coro_spawn(NULL, orphan, "v(p)", &child);
    must(coro_join(parent, CORO_FOREVER, NULL) == 0);
    must(coro_parent(child) == parent);
    coro_shutdown(child);
    fails(coro_join(child, CORO_FOREVER, NULL), ECANCELED);
}
END_TEST

static void tell_id(coro_id *id)
{
    *id = coro_current();
}

START_TEST(all_lists_every_thread_once)
{
    coro_id ids[64], own = 0;
    coro_id sleeper = coro_spawn(NULL, sleep_long, "v()"), new = coro_new(NULL, sleep_long, "v()");
    coro_id teller = coro_spawn(NULL, tell_id, "v(p)", &own);
    until_ended(teller);
    must(own == teller);
    ssize_t count = coro_all(ids, 64);
    int seen = 0;
    must(count >= 4);
    for (ssize_t i = 0; i < count; i++) {
        must(i == 0 || ids[i] > ids[i - 1]);
        seen += ids[i] == sleeper || ids[i] == new || ids[i] == teller || ids[i] == coro_current();
    }
    must(seen == 4);
    must(coro_all(ids, 1) == count);
    struct coro_info info = { .size = sizeof(info) };
    must(coro_by_id(teller, &info) == 0 && info.state == CORO_STATE_ENDED);
    must(coro_by_id(sleeper, &info) == 0 && info.tid && info.state != CORO_STATE_ENDED);
    must(coro_by_id(coro_current(), &info) == 0 && info.state == CORO_STATE_RUNNING);
    must(info.children == 3);
    info.size = 4;
    fails(coro_by_id(teller, &info), EINVAL);
    must(coro_join(teller, 0, NULL) == 0);
    coro_shutdown(new);
    coro_shutdown(sleeper);
    fails(coro_join_children(CORO_FOREVER), ECANCELED);
}
END_TEST

START_TEST(detached_threads_forget_themselves)
{
    struct coro_info info = { .size = sizeof(info) };
    coro_id id = coro_spawn(NULL, add, "i(ii)", 1, 2);
    must(coro_detach(id) == 0);
    while (coro_by_id(id, &info) == 0)
        usleep(1000);
    ck_assert_int_eq(errno, ESRCH);
    id = coro_spawn(NULL, sleep_long, "v()");
    must(coro_detach(id) == 0);
    fails(coro_join(id, 0, NULL), EINVAL);
    fails(coro_detach(id), EINVAL);
    coro_shutdown(id);
    while (coro_by_id(id, &info) == 0)
        usleep(1000);
}
END_TEST

START_TEST(thousands_come_and_go)
{
    int64_t sum = 0;
    for (int round = 0; round < 10; round++) {
        coro_id ids[300];
        for (int i = 0; i < 300; i++)
            must((ids[i] = coro_spawn(NULL, add, "i(ii)", i, round)));
        for (int i = 0; i < 300; i++) {
            int result;
            must(coro_join(ids[i], CORO_FOREVER, &result) == 0);
            sum += result;
        }
    }
    must(sum == 10 * (299 * 300 / 2) + 300 * 45);
}
END_TEST

int main(void)
{
    RUN_TESTS("thread", new_does_not_start, a_thread_without_a_name_has_its_functions,
              errors_of_joins_are_distinct, shutdown_runs_cleanups_and_never_fails,
              shutdown_at_the_start_is_not_lost, raise_and_fail_tell_their_error,
              join_all_keeps_the_order, children_are_joined, a_parent_may_be_gone,
              all_lists_every_thread_once, detached_threads_forget_themselves,
              thousands_come_and_go);
}
