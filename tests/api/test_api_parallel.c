/* Many calls at a time, and calls again and again. */
#include "api.h"

#include <fcntl.h>
#include <pthread.h>

static volatile int running, most, cleaned, calls;

static int square(int i)
{
    int now = __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
    if (now > most)
        most = now;
    usleep(1000 * (unsigned)(10 - i % 10));
    __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
    if (i == 13)
        coro_fail(EPROTO);
    return i * i;
}

static void clean(void *argument)
{
    (void)argument;
    __atomic_add_fetch(&cleaned, 1, __ATOMIC_SEQ_CST);
}

static void sleep_long(void)
{
    pthread_cleanup_push(clean, NULL);
    for (;;)
        usleep(100000);
    pthread_cleanup_pop(0);
}

static struct coro_call *bound[20];
static struct coro_outcome outcomes[20];

static void bind(int count, int from)
{
    for (int i = 0; i < count; i++)
        must((bound[i] = coro_bind(square, "i(i)", from + i)));
}

static void unbind(int count)
{
    for (int i = 0; i < count; i++)
        coro_call_free(bound[i]);
}

START_TEST(results_are_in_the_order_of_the_calls)
{
    bind(10, 0);
    must(coro_in_parallel(bound, 10, 0, outcomes) == 0);
    for (int i = 0; i < 10; i++)
        must(outcomes[i].error == 0 && outcomes[i].value.i == i * i);
    must(coro_in_parallel(bound, 10, 0, NULL) == 0); /* calls can be made again */
    must(coro_in_parallel(NULL, 0, 0, NULL) == 0);
    unbind(10);
    must(coro_bind(square, "bad") == NULL && errno == EINVAL);
}
END_TEST

START_TEST(a_failure_is_told_beside_the_successes)
{
    bind(20, 0);
    fails(coro_in_parallel(bound, 20, 0, outcomes), ECANCELED);
    for (int i = 0; i < 20; i++) {
        must(outcomes[i].error == (i == 13 ? EPROTO : 0));
        must(i == 13 || outcomes[i].value.i == i * i);
    }
    unbind(20);
}
END_TEST

START_TEST(no_more_than_the_limit_run_at_a_time)
{
    bind(10, 0);
    must(coro_in_parallel(bound, 10, 3, outcomes) == 0);
    must(most <= 3);
    unbind(10);
}
END_TEST

static void in_parallel(size_t count)
{
    coro_in_parallel(bound, count, 0, outcomes);
}

START_TEST(who_gives_up_takes_the_calls_with_it)
{
    for (int i = 0; i < 5; i++)
        must((bound[i] = coro_bind(sleep_long, "v()")));
    fails(coro_with_timeout(0.2, NULL, in_parallel, "v(L)", (size_t)5), ETIMEDOUT);
    must(cleaned == 5);
    must(coro_join_children(0) == 0);
    unbind(5);
}
END_TEST

static void count_call(int by)
{
    __atomic_add_fetch(&calls, by, __ATOMIC_SEQ_CST);
}

static void until_calls(int count)
{
    while (calls < count)
        usleep(1000);
}

START_TEST(later_calls_once_in_time)
{
    double began = now_seconds();
    struct coro_task *task = coro_later(0.03, count_call, "v(i)", 5);
    must(task);
    until_calls(5);
    must(now_seconds() - began >= 0.03);
    usleep(50000);
    must(calls == 5 && coro_task_calls(task) == 1);
    must(coro_task_stop(task, 0) == 0);
    task = coro_later(1000, count_call, "v(i)", 5);
    must(coro_task_stop(task, 0) == 0 && calls == 5);
    must(coro_later(1, count_call, "oops") == NULL && errno == EINVAL);
    must(coro_later(__builtin_nan(""), count_call, "v(i)", 1) == NULL && errno == EINVAL);
}
END_TEST

START_TEST(interval_waits_between_calls)
{
    double began = now_seconds();
    struct coro_task *task = coro_interval(0.01, 0, count_call, "v(i)", 1);
    until_calls(5);
    must(now_seconds() - began >= 0.05);
    must(coro_task_stop(task, 0) == 0);
    task = coro_interval(1000, 1, count_call, "v(i)", 100);
    until_calls(100);
    must(coro_task_calls(task) == 1);
    must(coro_task_stop(task, 0) == 0);
}
END_TEST

START_TEST(loop_calls_until_it_is_stopped)
{
    struct coro_task *task = coro_loop(count_call, "v(i)", 1);
    until_calls(1000);
    must(coro_task_stop(task, 0) == 0);
    int after = calls;
    usleep(20000);
    must(calls == after);
}
END_TEST

static void use_time(void)
{
    calls++;
    for (double end = now_seconds() + 0.003; now_seconds() < end;)
        ;
}

START_TEST(rate_makes_up_for_the_time_that_calls_take)
{
    struct coro_task *load = coro_loop(usleep, "i(I)", 100U);
    double began = now_seconds();
    struct coro_task *task = coro_rate(100, use_time, "v()");
    until_calls(60);
    double took = now_seconds() - began;
    must(took >= 0.59 - 0.1);                    /* no faster than asked, but for a burst */
    must((double)calls <= took * 100 + 11 + 10); /* nor more */
    must(coro_task_stop(task, 0) == 0);
    must(coro_task_stop(load, 1) == 0);
    must(coro_rate(0, use_time, "v()") == NULL && errno == EINVAL);
    must(coro_rate(-1, use_time, "v()") == NULL && errno == EINVAL);
}
END_TEST

static void fail_often(void)
{
    pthread_cleanup_push(clean, NULL);
    if (++calls % 2)
        coro_fail(EIO);
    pthread_cleanup_pop(0);
}

START_TEST(a_call_that_fails_does_not_end_the_task)
{
    struct coro_task *task = coro_interval(0.001, 1, fail_often, "v()");
    until_calls(20);
    must(coro_task_stop(task, 0) == 0);
    must(cleaned >= 9);
}
END_TEST

void fail_always(void) /* its name is to be found */
{
    calls++;
    coro_fail(EPROTO);
}

static size_t count_of(const char *text, const char *wanted)
{
    size_t count = 0;
    for (; (text = strstr(text, wanted)); text++)
        count++;
    return count;
}

/* Until a line says how many were left out. */
START_TEST(a_flood_of_failures_is_told_in_few_lines)
{
    char text[65536] = "";
    int ends[2], before = dup(2);
    size_t length = 0;
    if (way_is("native"))
        return; /* with errors alone in the log */
    must(pipe2(ends, O_NONBLOCK) == 0);
    dup2(ends[1], 2);
    double began = now_seconds();
    struct coro_task *task = coro_loop(fail_always, "v()");
    while (!strstr(text, "more such since the last line\n")) {
        ssize_t bytes = read(ends[0], text + length, sizeof(text) - 1 - length);
        length += bytes > 0 ? (size_t)bytes : 0;
        usleep(1000);
    }
    must(coro_task_stop(task, 0) == 0);
    double seconds = now_seconds() - began;
    dup2(before, 2);
    must(calls > 10 && count_of(text, "did not return") >= 5);
    must((double)count_of(text, "did not return") <= 5 + seconds);
    must(strstr(text, "coro_loop in thread "));
    must(strstr(text, "fail_always") && strstr(text, " did not return: error 71 ("));
}
END_TEST

START_TEST(stop_now_interrupts_the_call)
{
    struct coro_task *task = coro_loop(sleep_long, "v()");
    usleep(20000);
    must(coro_task_stop(task, 1) == 0);
    task = coro_interval(0, 1, sleep_long, "v()");
    while (!coro_task_thread(task))
        usleep(1000);
    must(coro_task_stop(task, 1) == 0);
}
END_TEST

static struct coro_task *own;

static void stop_self(void)
{
    fails(coro_task_stop(own, 0), EDEADLK);
    calls = 1;
}

START_TEST(a_task_can_stop_itself)
{
    own = coro_interval(0.01, 0, stop_self, "v()");
    coro_id ids[16];
    until_calls(1);
    while (coro_all(ids, 16) > 1)
        usleep(1000);
}
END_TEST

int main(void)
{
    RUN_TESTS("parallel", results_are_in_the_order_of_the_calls,
              a_failure_is_told_beside_the_successes, no_more_than_the_limit_run_at_a_time,
              who_gives_up_takes_the_calls_with_it, later_calls_once_in_time,
              interval_waits_between_calls, loop_calls_until_it_is_stopped,
              rate_makes_up_for_the_time_that_calls_take, a_call_that_fails_does_not_end_the_task,
              a_flood_of_failures_is_told_in_few_lines, stop_now_interrupts_the_call,
              a_task_can_stop_itself);
}
