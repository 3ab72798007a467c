/* Sleeping: no shorter than asked, on each clock, relative and absolute, and the errors of it. */
#include "test.h"

static void *relative(void *arg)
{
    struct timespec span = span_ms(25), left = { 9, 9 };
    int64_t begin = now_ms();
    CHECK_EQ(nanosleep(&span, &left), 0);
    CHECK(now_ms() - begin >= 24);
    CHECK(left.tv_sec == 9 && left.tv_nsec == 9);
    begin = now_ms();
    CHECK_EQ(usleep(25000), 0);
    CHECK(now_ms() - begin >= 24);
    static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };
    for (int i = 0; i < COUNT(clocks); i++) {
        begin = now_ms();
        CHECK_EQ(clock_nanosleep(clocks[i], 0, &span, NULL), 0);
        CHECK(now_ms() - begin >= 23);
    }
    return arg;
}

static void *absolute(void *arg)
{
    static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };
    for (int i = 0; i < COUNT(clocks); i++) {
        struct timespec then = in_ms(clocks[i], 25), past = { 0, 1 };
        CHECK_EQ(clock_nanosleep(clocks[i], TIMER_ABSTIME, &then, NULL), 0);
        struct timespec now;
        CHECK_EQ(clock_gettime(clocks[i], &now), 0);
        CHECK(now.tv_sec > then.tv_sec || now.tv_nsec >= then.tv_nsec);
        CHECK_EQ(clock_nanosleep(clocks[i], TIMER_ABSTIME, &past, NULL), 0);
    }
    return arg;
}

static void *errors(void *arg)
{
    struct timespec bad = { 0, 1000000000 }, negative = { -1, 0 }, none = { 0, 0 };
    CHECK_EQ(nanosleep(&bad, NULL), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(nanosleep(&negative, NULL), -1);
    CHECK_EQ(errno, EINVAL);
    errno = 0;
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
    CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &none, NULL), EINVAL);
    CHECK_EQ(errno, 0);
    CHECK_EQ(nanosleep(&none, NULL), 0);
    CHECK_EQ(sleep(0), 0);
    return arg;
}

static void *whole_second(void *arg)
{
    int64_t begin = now_ms();
    CHECK_EQ(sleep(1), 0);
    CHECK(now_ms() - begin >= 999);
    return arg;
}

int main(void)
{
    void *(*const runs[])(void *) = { relative, absolute, errors, whole_second };
    pthread_t threads[4 * COUNT(runs)];
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(runs[i % COUNT(runs)], NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("no sleep was too short");
    return 0;
}
