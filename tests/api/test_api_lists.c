/* The calls that take their arguments as a va_list: each does what its twin with dots does. */
#include <stdarg.h>

#include "threads.h"

static volatile int sum;

static int add(int a, double b)
{
    __atomic_add_fetch(&sum, a, __ATOMIC_SEQ_CST);
    return a + (int)b;
}

static void wait_for_ever(int unused)
{
    (void)unused;
    for (;;)
        usleep(10000);
}

static int wait_once(int unused)
{
    (void)unused;
    return usleep(10000000);
}

enum which { BIND, NEW, SPAWN, LATER, INTERVAL, RATE, LOOP };

static void *begin(enum which which, coro_fn fn, const char *signature, ...)
{
    void *made = NULL;
    va_list arguments;
    va_start(arguments, signature);
    switch (which) {
    case BIND:
        made = coro_vbind(fn, signature, arguments);
        break;
    case NEW:
        made = (void *)coro_vnew("made", fn, signature, arguments);
        break;
    case SPAWN:
        made = (void *)coro_vspawn("made", fn, signature, arguments);
        break;
    case LATER:
        made = coro_vlater(0.001, fn, signature, arguments);
        break;
    case INTERVAL:
        made = coro_vinterval(0.001, 1, fn, signature, arguments);
        break;
    case RATE:
        made = coro_vrate(1000, fn, signature, arguments);
        break;
    case LOOP:
        made = coro_vloop(fn, signature, arguments);
        break;
    }
    va_end(arguments);
    return made;
}

static int within(int by_deadline, double seconds, void *result, coro_fn fn, const char *signature,
                  ...)
{
    va_list arguments;
    va_start(arguments, signature);
    int failed = by_deadline ? coro_vwith_deadline(seconds, result, fn, signature, arguments)
                             : coro_vwith_timeout(seconds, result, fn, signature, arguments);
    va_end(arguments);
    return failed;
}

static void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    coro_vprint_stderr(format, arguments);
    va_end(arguments);
}

START_TEST(bound_calls_get_their_arguments)
{
    struct coro_outcome outcome;
    struct coro_call *call = begin(BIND, (coro_fn)add, "i(id)", 3, 4.0);
    must(call && coro_in_parallel(&call, 1, 0, &outcome) == 0 && outcome.value.i == 7);
    coro_call_free(call);
    must(!begin(BIND, (coro_fn)add, "i(id", 3, 4.0) && errno == EINVAL);
}
END_TEST

START_TEST(threads_get_their_arguments)
{
    int result = 0;
    coro_id id = (coro_id)begin(NEW, (coro_fn)add, "i(id)", 5, 6.0);
    must(id && coro_start(id) == 0 && coro_join(id, CORO_FOREVER, &result) == 0);
    ck_assert_int_eq(result, 11);
    id = (coro_id)begin(SPAWN, (coro_fn)add, "i(id)", 7, 8.0);
    must(id && coro_join(id, CORO_FOREVER, &result) == 0);
    ck_assert_int_eq(result, 15);
    must(!begin(NEW, (coro_fn)add, "?", 1, 1.0) && errno == EINVAL);
    must(!begin(SPAWN, (coro_fn)add, "?", 1, 1.0) && errno == EINVAL);
}
END_TEST

START_TEST(tasks_get_their_arguments)
{
    static const enum which all[] = { LATER, INTERVAL, RATE, LOOP };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        int before = sum;
        struct coro_task *task = begin(all[i], (coro_fn)add, "i(id)", 9, 1.0);
        must(task != NULL);
        while (sum < before + (all[i] == LATER ? 9 : 27))
            usleep(1000);
        must(coro_task_stop(task, 0) == 0);
        must((sum - before) % 9 == 0);
        must(!begin(all[i], (coro_fn)add, "?", 1, 1.0) && errno == EINVAL);
    }
}
END_TEST

START_TEST(limits_hold_for_the_call)
{
    int result = 0;
    for (int by_deadline = 0; by_deadline < 2; by_deadline++) {
        must(within(by_deadline, 10, &result, (coro_fn)add, "i(id)", 20, 1.0) == 0);
        ck_assert_int_eq(result, 21);
        must(within(by_deadline, 10, &result, (coro_fn)add, "?", 20, 1.0) == -1);
        ck_assert_int_eq(errno, EINVAL);
    }
    if (!is_way("native")) { /* where other calls than those of coro.h go on */
        must_fail(within(1, 0.02, &result, (coro_fn)wait_once, "i(i)", 0), ETIMEDOUT);
        ck_assert_int_eq(result, -1);
    }
    if (CANCELS) {
        must(within(0, 0.02, NULL, (coro_fn)wait_for_ever, "v(i)", 0) == -1);
        ck_assert_int_eq(errno, ETIMEDOUT);
    }
}
END_TEST

START_TEST(what_is_printed_has_its_arguments)
{
    char text[200] = "";
    int pair[2], before = dup(2);
    must(pipe(pair) == 0 && dup2(pair[1], 2) == 2);
    print("%s and %d", "words", 42);
    dup2(before, 2);
    must(read(pair[0], text, sizeof(text) - 1) > 0);
    must(strstr(text, "words and 42\n"));
}
END_TEST

int main(void)
{
    RUN_TESTS("lists", bound_calls_get_their_arguments, threads_get_their_arguments,
              tasks_get_their_arguments, limits_hold_for_the_call,
              what_is_printed_has_its_arguments);
}
