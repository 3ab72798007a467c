/* Both ends of a pipe or socket pair in one process: what one end does, the other end's waiters
 * learn at once, without the poller. The scripted poll set posts nothing here: who wakes was told. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "tests/unit/harness.h"

static int pair[2], woken;

static void wait_readable(void *argument)
{
    struct fd_waiter waiter = { .fd = *(int *)argument };
    must(fd_wait(&waiter, false, DEADLINE_NEVER) == 0);
    woken++;
    fd_wait_done(&waiter);
}

static void wait_writable(void *argument)
{
    struct fd_waiter waiter = { .fd = *(int *)argument };
    must(fd_wait(&waiter, true, DEADLINE_NEVER) == 0);
    woken++;
    fd_wait_done(&waiter);
}

static void set_up(void)
{
    harness_start(&poll_script);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fd_opened(pair[0], FD_SOCKET, false);
    fd_opened(pair[1], FD_SOCKET, false);
    fd_paired(pair[0], pair[1]);
}

START_TEST(a_write_wakes_the_readers_at_the_other_end)
{
    set_up();
    for (int i = 0; i < 3; i++)
        harness_spawn(wait_readable, &pair[0]);
    sched_yield_co();
    fd_transferred(fd_entry(pair[1]), true);
    harness_join();
    ck_assert_int_eq(woken, 3);
}
END_TEST

START_TEST(a_read_wakes_the_writers_at_the_other_end)
{
    set_up();
    harness_spawn(wait_writable, &pair[1]);
    sched_yield_co();
    fd_transferred(fd_entry(pair[0]), false);
    harness_join();
    ck_assert_int_eq(woken, 1);
}
END_TEST

START_TEST(a_write_does_not_wake_writers_nor_its_own_end)
{
    set_up();
    harness_spawn(wait_writable, &pair[0]);
    harness_spawn(wait_readable, &pair[1]);
    sched_yield_co();
    fd_transferred(fd_entry(pair[1]), true);
    sched_yield_co();
    ck_assert_int_eq(woken, 0);
}
END_TEST

START_TEST(a_number_that_was_closed_is_no_end_any_more)
{
    set_up();
    fd_closing(pair[0]);
    harness_spawn(wait_readable, &pair[0]); /* another file by now */
    sched_yield_co();
    fd_transferred(fd_entry(pair[1]), true);
    sched_yield_co();
    ck_assert_int_eq(woken, 0);
    fd_closing(pair[1]);
    fd_transferred(fd_entry(pair[1]), true); /* knows no other end */
    sched_yield_co();
    ck_assert_int_eq(woken, 0);
}
END_TEST

START_TEST(the_ends_of_an_inherited_pipe_find_each_other)
{
    int pipes[2];
    set_up();
    ck_assert_int_eq(pipe2(pipes, O_NONBLOCK), 0); /* as if the parent had made it */
    ck_assert_int_eq(fd_kind(fd_entry(pipes[1]), pipes[1]), FD_PIPE);
    ck_assert_int_eq(fd_entry(pipes[1])->peer, 0);
    ck_assert_int_eq(fd_kind(fd_entry(pipes[0]), pipes[0]), FD_PIPE);
    ck_assert_int_eq(fd_entry(pipes[0])->peer, pipes[1] + 1);
    ck_assert_int_eq(fd_entry(pipes[1])->peer, pipes[0] + 1);
    harness_spawn(wait_readable, &pipes[0]);
    sched_yield_co();
    fd_transferred(fd_entry(pipes[1]), true);
    harness_join();
    ck_assert_int_eq(woken, 1);
}
END_TEST

START_TEST(pipes_are_not_mistaken_for_each_other)
{
    enum { PIPES = 100 };
    int pipes[PIPES][2];
    set_up();
    for (int i = 0; i < PIPES; i++) {
        must(pipe(pipes[i]) == 0);
        fd_kind(fd_entry(pipes[i][0]), pipes[i][0]);
        fd_kind(fd_entry(pipes[i][1]), pipes[i][1]);
    }
    for (int i = 0; i < PIPES; i++) {
        must(fd_entry(pipes[i][0])->peer == pipes[i][1] + 1);
        must(fd_entry(pipes[i][1])->peer == pipes[i][0] + 1);
    }
}
END_TEST

START_TEST(descriptors_without_another_end_wake_nobody)
{
    set_up();
    struct fd_entry *entry = fd_entry(200);
    fd_transferred(entry, true);
    fd_transferred(entry, false);
    fd_paired(-1, pair[0]); /* neither is a descriptor */
    ck_assert_int_eq(fd_entry(pair[0])->peer, pair[1] + 1);
}
END_TEST

int main(void)
{
    RUN_TESTS(
        "fd_pairs", a_write_wakes_the_readers_at_the_other_end,
        a_read_wakes_the_writers_at_the_other_end, a_write_does_not_wake_writers_nor_its_own_end,
        a_number_that_was_closed_is_no_end_any_more, the_ends_of_an_inherited_pipe_find_each_other,
        pipes_are_not_mistaken_for_each_other, descriptors_without_another_end_wake_nobody);
}
