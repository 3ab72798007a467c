/* The loop as a part of another. */
#include <poll.h>
#include <sys/epoll.h>

#include "threads.h"

static void *nothing(void *argument)
{
    return argument;
}

static void have_had_a_thread(void)
{
    end_of(start(nothing, NULL));
}

static char *read_one(int *fd)
{
    char byte = 0;
    must(read(*fd, &byte, 1) == 1);
    return (char *)(intptr_t)byte;
}

static void *count_up(void *counter)
{
    for (;;) {
        ++*(volatile int *)counter;
        coro_yield();
    }
    return NULL;
}

START_TEST(a_pass_lets_everyone_run_once)
{
    static volatile int counters[2];
    double seconds = 0;
    must_fail(coro_run_once(NULL), ENOSYS);
    must_fail(coro_loop_fd(), ENOSYS);
    have_had_a_thread();
    if (is_way("native")) {
        must_fail(coro_run_once(&seconds), ENOSYS);
        return;
    }
    ck_assert_int_eq(coro_run_once(&seconds), 0);
    start(count_up, (void *)&counters[0]);
    start(count_up, (void *)&counters[1]);
    for (int i = 1; i <= 3; i++) {
        int runnable = coro_run_once(&seconds);
        if (!is_cooperative())
            continue;
        ck_assert_int_eq(runnable, 2);
        ck_assert_int_eq(counters[0], i);
        ck_assert_int_eq(counters[1], i);
    }
}
END_TEST

static void *doze(void *done)
{
    usleep(50000);
    *(volatile int *)done = 1;
    return NULL;
}

START_TEST(the_next_deadline_is_known_and_the_descriptor_tells_of_it)
{
    static volatile int done;
    double seconds = 0;
    if (is_way("native"))
        return;
    have_had_a_thread();
    int fd = coro_loop_fd();
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(coro_loop_fd(), fd);
    pthread_t dozing = start(doze, (void *)&done);
    while (coro_run_once(&seconds) > 0)
        ;
    ck_assert(seconds <= 0.05);
    struct pollfd one = { .fd = fd, .events = POLLIN };
    while (!done) {
        ck_assert_int_ge(poll(&one, 1, 1), 0);
        coro_run_once(NULL);
    }
    end_of(dozing);
    int set = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN };
    must(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
    int pair[2];
    must(pipe(pair) == 0 && epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event) == 0);
    pthread_t writer = start((void *(*)(void *))read_one, &pair[0]);
    must(write(pair[1], "q", 1) == 1);
    ck_assert_int_eq(code(end_of(writer)), 'q');
    must(epoll_wait(set, &event, 1, 20) >= 0);
    must(write(pair[1], "q", 1) == 1);
    must(epoll_wait(set, &event, 1, 10000) == 1);
}
END_TEST

int main(void)
{
    RUN_TESTS("loop", a_pass_lets_everyone_run_once,
              the_next_deadline_is_known_and_the_descriptor_tells_of_it);
}
