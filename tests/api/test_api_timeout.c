/* Time limits around functions. */
#include "api.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>

static volatile int cleaned;

static void clean(void *by)
{
    cleaned += (int)(intptr_t)by;
}

static int add(int a, int b)
{
    return a + b;
}

static int sleep_for(double seconds)
{
    struct timespec time = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
    pthread_cleanup_push(clean, (void *)1);
    nanosleep(&time, NULL);
    pthread_cleanup_pop(0);
    return 7;
}

static void spin_for(double seconds)
{
    for (double end = now_seconds() + seconds; now_seconds() < end;)
        ;
}

START_TEST(a_call_in_time_has_its_result)
{
    int result = 0;
    must(coro_with_timeout(10, &result, add, "i(ii)", 2, 3) == 0 && result == 5);
    must(coro_with_timeout(CORO_FOREVER, &result, sleep_for, "i(d)", 0.001) == 0 && result == 7);
    must(cleaned == 0);
    fails(coro_with_timeout(__builtin_nan(""), &result, add, "i(ii)", 2, 3), EINVAL);
    fails(coro_with_timeout(1, &result, add, "?", 2, 3), EINVAL);
    must(coro_time_left() == CORO_FOREVER);
}
END_TEST

START_TEST(a_late_call_is_unwound)
{
    double began = now_seconds();
    int result = 1;
    for (int i = 1; i <= 20; i++) {
        fails(coro_with_timeout(0.01, &result, sleep_for, "i(d)", 1000.0), ETIMEDOUT);
        must(result == 1 && cleaned == i);
    }
    must(now_seconds() - began >= 0.2);
}
END_TEST

START_TEST(a_negative_time_is_zero)
{
    int result = 0;
    must(coro_with_timeout(-5, &result, add, "i(ii)", 2, 3) == 0 && result == 5);
    fails(coro_with_timeout(-5, NULL, sleep_for, "i(d)", 1000.0), ETIMEDOUT);
    fails(coro_with_timeout(0, NULL, sleep_for, "i(d)", 1000.0), ETIMEDOUT);
}
END_TEST

START_TEST(a_call_that_returns_late_without_waiting_is_in_time)
{
    must(coro_with_timeout(0.01, NULL, spin_for, "v(d)", 0.05) == 0);
    must(coro_time_left() == CORO_FOREVER);
    usleep(30000); /* nothing is left of it */
}
END_TEST

static void spin_then_sleep(void)
{
    spin_for(0.03);
    sleep_for(1000);
}

START_TEST(a_limit_that_passed_is_met_at_the_next_wait)
{
    fails(coro_with_timeout(0.01, NULL, spin_then_sleep, "v()"), ETIMEDOUT);
    must(cleaned == 1);
}
END_TEST

static int inner_result;

static int nested(double inner)
{
    pthread_cleanup_push(clean, (void *)10);
    inner_result = coro_with_timeout(inner, NULL, sleep_for, "i(d)", 1000.0);
    pthread_cleanup_pop(0);
    return 3;
}

START_TEST(only_the_limit_that_passed_reports_it)
{
    int result = 0;
    inner_result = 99;
    must(coro_with_timeout(10, &result, nested, "i(d)", 0.01) == 0);
    must(result == 3 && inner_result == -1 && cleaned == 1);
    inner_result = 99;
    fails(coro_with_timeout(0.01, &result, nested, "i(d)", 10.0), ETIMEDOUT);
    must(inner_result == 99 && cleaned == 12);
}
END_TEST

static void disabled(void)
{
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    usleep(50000);
    cleaned = 50;
    pthread_setcancelstate(state, NULL);
    sleep_for(1000);
}

START_TEST(disabled_cancellation_is_respected)
{
    fails(coro_with_timeout(0.01, NULL, disabled, "v()"), ETIMEDOUT);
    must(cleaned == 51);
}
END_TEST

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static int pair[2];

static void unlock(void *lock)
{
    cleaned++;
    pthread_mutex_unlock(lock);
}

static void wait_condition(void)
{
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock, &mutex);
    for (;;)
        pthread_cond_wait(&condition, &mutex);
    pthread_cleanup_pop(1);
}

static void wait_semaphore(void)
{
    sem_wait(&semaphore);
}

static void wait_read(void)
{
    char byte;
    must(read(pair[0], &byte, 1) != 1);
}

static void wait_poll(void)
{
    struct pollfd fd = { pair[0], POLLIN, 0 };
    must(poll(&fd, 1, -1) != 1);
}

static void wait_stdio(void)
{
    char line[10];
    FILE *file = fdopen(dup(pair[0]), "r");
    must(!fgets(line, sizeof(line), file));
}

static void wait_join(void)
{
    coro_id id = coro_spawn(NULL, sleep_for, "i(d)", 1000.0);
    coro_join(id, CORO_FOREVER, NULL);
}

START_TEST(every_kind_of_wait_is_ended)
{
    static const coro_fn waits[] = { wait_condition, wait_semaphore, wait_read,
                                     wait_poll,      wait_stdio,     wait_join };
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    must(sem_init(&semaphore, 0, 0) == 0);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(waits); i++)
            fails(coro_with_timeout(0.01, NULL, waits[i], "v()"), ETIMEDOUT);
    }
    must(cleaned == 5);
    must(pthread_mutex_trylock(&mutex) == 0);
    must(coro_join_children(0) == -1);
}
END_TEST

START_TEST(cancellation_leaves_a_limit_behind)
{
    for (int i = 0; i < 100; i++) {
        coro_id id = coro_spawn(NULL, nested, "i(d)", 1000.0);
        if (i % 2)
            usleep(1000);
        coro_shutdown(id);
        fails(coro_join(id, CORO_FOREVER, NULL), ECANCELED);
    }
    usleep(20000);
}
END_TEST

static int fail_in_time;

static void cancelled_later(void)
{
    fail_in_time = coro_with_timeout(0.005, NULL, sleep_for, "i(d)", 1000.0);
    sleep_for(1000);
}

START_TEST(a_thread_can_be_cancelled_after_a_timeout)
{
    coro_id id = coro_spawn(NULL, cancelled_later, "v()");
    usleep(100000);
    coro_shutdown(id);
    fails(coro_join(id, CORO_FOREVER, NULL), ECANCELED);
    must(fail_in_time == -1 && cleaned == 2);
}
END_TEST

static int reads_with_deadline(void)
{
    char byte;
    for (int i = 0; i < 3; i++)
        fails(read(pair[0], &byte, 1), ETIMEDOUT);
    must(write(pair[0], "x", 1) == 1); /* what need not wait works */
    fails(usleep(1000), ETIMEDOUT);
    fails(coro_join(coro_spawn(NULL, sleep_for, "i(d)", 1000.0), CORO_FOREVER, NULL), ETIMEDOUT);
    struct pollfd fd = { pair[0], POLLIN, 0 };
    fails(poll(&fd, 1, -1), ETIMEDOUT);
    return 8;
}

static int join_with_deadline(coro_id id)
{
    fails(coro_join(id, CORO_FOREVER, NULL), ETIMEDOUT);
    fails(coro_join(id, CORO_FOREVER, NULL), ETIMEDOUT);
    return 9;
}

START_TEST(with_a_deadline_calls_fail)
{
    int result = 0;
    coro_id id = coro_spawn(NULL, sleep_for, "i(d)", 1000.0);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    must(coro_with_deadline(5, &result, add, "i(ii)", 2, 3) == 0 && result == 5);
    fails(coro_with_deadline(0.01, &result, join_with_deadline, "i(Q)", id), ETIMEDOUT);
    must(result == 9 && cleaned == 0);
    if (!way_is("native")) {
        fails(coro_with_deadline(0.01, &result, reads_with_deadline, "i()"), ETIMEDOUT);
        must(result == 8);
    }
    must(coro_with_timeout(10, &result, sleep_for, "i(d)", 0.001) == 0 && result == 7);
}
END_TEST

static void deadline_inside(void)
{
    coro_with_deadline(0.005, NULL, spin_then_sleep, "v()");
    for (;;)
        coro_with_deadline(0.005, NULL, sleep_for, "i(d)", 1000.0);
}

START_TEST(a_timeout_unwinds_through_a_deadline)
{
    fails(coro_with_timeout(0.05, NULL, deadline_inside, "v()"), ETIMEDOUT);
}
END_TEST

static int one_of_many(int i)
{
    int done = coro_with_timeout(0.001 * (i % 20), NULL, sleep_for, "i(d)", 1000.0);
    return done == -1 && errno == ETIMEDOUT ? i : -1;
}

START_TEST(many_threads_have_their_own_limits)
{
    coro_id ids[300];
    for (int i = 0; i < 300; i++)
        ids[i] = coro_spawn(NULL, one_of_many, "i(i)", i);
    for (int i = 0; i < 300; i++) {
        int result;
        must(coro_join(ids[i], CORO_FOREVER, &result) == 0);
        must(result == i);
    }
}
END_TEST

int main(void)
{
    RUN_TESTS("timeout", a_call_in_time_has_its_result, a_late_call_is_unwound,
              a_negative_time_is_zero, a_call_that_returns_late_without_waiting_is_in_time,
              a_limit_that_passed_is_met_at_the_next_wait, only_the_limit_that_passed_reports_it,
              disabled_cancellation_is_respected, every_kind_of_wait_is_ended,
              cancellation_leaves_a_limit_behind, a_thread_can_be_cancelled_after_a_timeout,
              with_a_deadline_calls_fail, a_timeout_unwinds_through_a_deadline,
              many_threads_have_their_own_limits);
}
