/* Descriptors: kinds, O_NONBLOCK, waiting for readiness, closing under a waiter, stale events. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "tests/unit/harness.h"

static bool scripted;
static int pair[2];

static void set_up(int which)
{
    scripted = which == 0;
    harness_start(harness_backend(which));
    ck_assert_int_eq(pipe2(pair, O_NONBLOCK), 0);
    fd_opened(pair[0], FD_PIPE, false);
    fd_opened(pair[1], FD_PIPE, false);
}

static void put(void)
{
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    if (scripted)
        script_post(pair[0], POLL_READ);
}

/* What close(2) is in the program. */
static void close_as_program(int fd)
{
    fd_closing(fd);
    close(fd);
    if (scripted)
        poll_script.remove(
            fd); /* the kernel does it by itself, for the last descriptor of a file */
}

/* ---- what the table knows ---- */

START_TEST(entries_are_made_on_demand_and_never_move)
{
    set_up(_i);
    ck_assert_ptr_null(fd_entry(-1));
    ck_assert_ptr_null(fd_entry(FD_MAX));
    ck_assert_ptr_null(fd_entry_existing(300000));
    struct fd_entry *entry = fd_entry(300000);
    ck_assert_ptr_nonnull(entry);
    ck_assert_ptr_eq(fd_entry_existing(300000), entry);
    ck_assert_ptr_nonnull(fd_entry(FD_MAX - 1));
    ck_assert_ptr_eq(fd_entry(300000), entry);
}
END_TEST

static enum fd_kind kind_of(int fd)
{
    ck_assert_int_ge(fd, 0);
    enum fd_kind kind = fd_kind(fd_entry(fd), fd);
    ck_assert_int_eq(fd_kind(fd_entry(fd), fd), kind);
    return kind;
}

START_TEST(kinds_are_told_apart)
{
    int ends[2];
    set_up(_i);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(kind_of(ends[0]), FD_PIPE);
    ck_assert_int_eq(kind_of(socket(AF_INET, SOCK_STREAM, 0)), FD_TCP);
    ck_assert_int_eq(kind_of(socket(AF_INET, SOCK_DGRAM, 0)), FD_SOCKET);
    ck_assert_int_eq(kind_of(socket(AF_UNIX, SOCK_STREAM, 0)), FD_SOCKET);
    ck_assert_int_eq(kind_of(open("/proc/self/exe", O_RDONLY)), FD_FILE);
    ck_assert_int_eq(kind_of(open("/", O_RDONLY)), FD_FILE);
    ck_assert_int_eq(kind_of(open("/dev/null", O_RDONLY)), FD_FILE);
    ck_assert_int_eq(kind_of(eventfd(0, 0)), FD_OTHER);
    ck_assert_int_eq(fd_kind(fd_entry(99), 99), FD_UNKNOWN);
}
END_TEST

START_TEST(a_new_file_under_the_same_number_is_asked_again)
{
    set_up(_i);
    int fd = dup(pair[0]);
    ck_assert_int_eq(kind_of(fd), FD_PIPE);
    uint32_t generation = fd_entry(fd)->generation;
    fd_closing(fd);
    ck_assert_int_eq(dup2(open("/dev/null", O_RDONLY), fd), fd);
    ck_assert_uint_ne(fd_entry(fd)->generation, generation);
    ck_assert_int_eq(kind_of(fd), FD_FILE);
}
END_TEST

START_TEST(what_this_process_made_is_remembered_until_it_may_be_shared)
{
    set_up(_i);
    struct fd_entry *entry = fd_entry(pair[0]);
    ck_assert(fd_is_owned(entry));
    ck_assert(fd_blocks(entry, pair[0])); /* as told, not as the kernel says */
    fd_set_nonblock(pair[0], true);
    ck_assert(!fd_blocks(entry, pair[0]));
    fd_set_nonblock(pair[0], false);
    fd_shared(pair[0]);
    ck_assert(!fd_is_owned(entry));
    ck_assert(!fd_blocks(entry, pair[0])); /* the kernel knows O_NONBLOCK */
    ck_assert(fd_is_owned(fd_entry(pair[1])));
    fd_all_shared();
    ck_assert(!fd_is_owned(fd_entry(pair[1])));
}
END_TEST

START_TEST(closed_descriptors_do_not_block)
{
    set_up(_i);
    ck_assert(!fd_blocks(fd_entry(77), 77)); /* the call itself says EBADF */
}
END_TEST

START_TEST(the_floor_of_private_descriptors_follows_the_limit)
{
    struct rlimit limit = { 256, 1 << 20 };
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 256;
    setrlimit(RLIMIT_NOFILE, &limit);
    ck_assert_int_eq(fd_floor(), 192);
    limit.rlim_cur = 20;
    setrlimit(RLIMIT_NOFILE, &limit);
    ck_assert_int_eq(fd_floor(), 10);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    ck_assert_int_lt(fd_floor(), 32768);
}
END_TEST

/* ---- waiting ---- */

struct reading {
    int fd;
    bool for_write;
    uint64_t deadline_ns;
    int result; /* 1: waiting */
    int got;    /* of read or write on waiter.fd, once it may be ready */
};

static struct reading readings[300];

static void try_until_done(void *argument)
{
    struct reading *r = argument;
    struct fd_waiter waiter = { .fd = r->fd };
    do {
        r->result = fd_wait(&waiter, r->for_write, r->deadline_ns);
        char byte = 'y';
        if (!r->result)
            r->got = (int)(r->for_write ? write(waiter.fd, &byte, 1) : read(waiter.fd, &byte, 1));
    } while (!r->result && r->got < 0 && errno == EAGAIN);
    fd_wait_done(&waiter);
}

static void spawn_reader(int i, int fd)
{
    readings[i] = (struct reading){ .fd = fd, .deadline_ns = DEADLINE_NEVER, .result = 1 };
    harness_spawn(try_until_done, &readings[i]);
}

START_TEST(a_reader_waits_until_there_is_something)
{
    set_up(_i);
    spawn_reader(0, pair[0]);
    sched_yield_co();
    ck_assert_int_eq(readings[0].result, 1);
    ck_assert(fd_entry(pair[0])->registered);
    put();
    harness_join();
    ck_assert_int_eq(readings[0].result, 0);
    ck_assert_int_eq(readings[0].got, 1);
    ck_assert(list_empty(&fd_entry(pair[0])->readers));
}
END_TEST

START_TEST(an_event_wakes_all_readers_and_no_writer)
{
    set_up(_i);
    for (int i = 0; i < 5; i++)
        spawn_reader(i, pair[0]);
    readings[5] = (struct reading){ .fd = pair[0], .for_write = true, .result = 1 };
    readings[5].deadline_ns = harness_now_ns() + 50 * NSEC_PER_MSEC;
    harness_spawn(try_until_done, &readings[5]);
    sched_yield_co();
    for (int i = 0; i < 5; i++)
        put();
    harness_join();
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(readings[i].got, 1);
    ck_assert_int_eq(readings[5].result, -ETIMEDOUT);
}
END_TEST

START_TEST(a_writer_waits_until_there_is_room)
{
    static char block[1 << 20];
    set_up(_i);
    ck_assert_int_gt(write(pair[1], block, sizeof(block)), 0);
    readings[0] = (struct reading){ pair[1], true, DEADLINE_NEVER, 1, 0 };
    harness_spawn(try_until_done, &readings[0]);
    for (int i = 0; i < 5; i++)
        sched_yield_polling();
    ck_assert_int_eq(readings[0].got, 0);
    ck_assert_int_eq(read(pair[0], block, sizeof(block)), 65536);
    if (scripted)
        script_post(pair[1], POLL_WRITE);
    harness_join();
    ck_assert_int_eq(readings[0].got, 1);
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline)
{
    set_up(_i);
    struct fd_waiter waiter = { .fd = pair[0] };
    uint64_t deadline = harness_now_ns() + 10 * NSEC_PER_MSEC;
    ck_assert_int_eq(fd_wait(&waiter, false, deadline), -ETIMEDOUT);
    ck_assert_uint_ge(harness_now_ns(), deadline);
    fd_wait_done(&waiter);
    ck_assert(list_empty(&fd_entry(pair[0])->readers));
}
END_TEST

START_TEST(files_are_always_ready)
{
    set_up(1);
    int fd = open("/proc/self/exe", O_RDONLY);
    struct fd_waiter waiter = { .fd = fd };
    ck_assert_int_eq(fd_wait(&waiter, false, DEADLINE_NEVER), -EPERM);
    ck_assert(fd_entry(fd)->unpollable);
    ck_assert_int_eq(fd_wait(&waiter, false, DEADLINE_NEVER), -EPERM);
}
END_TEST

START_TEST(bad_descriptors_are_refused)
{
    set_up(1);
    struct fd_waiter waiter = { .fd = -1 };
    ck_assert_int_eq(fd_wait(&waiter, false, DEADLINE_NEVER), -EBADF);
    waiter.fd = 555; /* not open */
    ck_assert_int_eq(fd_wait(&waiter, false, DEADLINE_NEVER), -EBADF);
    ck_assert(!fd_entry(555)->registered);
}
END_TEST

/* ---- closing under a waiter ---- */

START_TEST(a_waiter_goes_on_waiting_for_the_file_that_was_closed)
{
    set_up(_i);
    for (int i = 0; i < 3; i++)
        spawn_reader(i, pair[0]);
    sched_yield_co();
    close_as_program(pair[0]);
    ck_assert_int_eq(open("/dev/null", O_RDONLY), pair[0]); /* the number is another file now */
    sched_yield_polling();
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(readings[i].got, 0);
    int copy = -1;
    for (int fd = fd_floor(); fd < fd_floor() + 60; fd++) {
        struct fd_entry *entry = fd_entry_existing(fd);
        if (entry && entry->private_copy)
            copy = fd;
    }
    ck_assert_int_ge(copy, fd_floor());
    ck_assert(fd_private(copy));
    ck_assert_int_eq(write(pair[1], "abc", 3), 3);
    if (scripted)
        script_post(copy, POLL_READ);
    harness_join();
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(readings[i].got, 1);
    ck_assert_int_eq(fcntl(copy, F_GETFD), -1); /* the last one out closed it */
    ck_assert(!fd_private(copy));
}
END_TEST

START_TEST(a_private_copy_lives_as_long_as_somebody_waits)
{
    set_up(1);
    spawn_reader(0, pair[0]);
    sched_yield_co();
    close_as_program(pair[0]);
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(write(pair[1], "a", 1), 1);
    harness_join();
    ck_assert_int_eq(readings[0].got, 1);
    ck_assert_int_eq(write(pair[1], "a", 1), -1);
    ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(events_of_a_closed_descriptor_do_not_reach_its_successor)
{
    int next[2];
    set_up(_i);
    struct fd_entry *entry = fd_entry(pair[0]);
    spawn_reader(0, pair[0]);
    sched_yield_co();
    put();
    harness_join();
    uint64_t old = (uint64_t)entry->generation << 32 | (uint32_t)pair[0];
    close_as_program(pair[0]);
    ck_assert_int_eq(pipe2(next, O_NONBLOCK), 0);
    ck_assert_int_eq(next[0], pair[0]);
    fd_opened(next[0], FD_PIPE, false);
    spawn_reader(1, next[0]);
    sched_yield_co();
    poll_event(old, POLL_READ | POLL_HANGUP);
    sched_yield_co();
    ck_assert_int_eq(readings[1].result, 1);
    ck_assert_int_eq(write(next[1], "z", 1), 1);
    if (scripted)
        script_post(next[0], POLL_READ);
    harness_join();
    ck_assert_int_eq(readings[1].got, 1);
}
END_TEST

START_TEST(a_close_that_did_not_happen_loses_no_event)
{
    set_up(_i);
    spawn_reader(0, pair[0]);
    sched_yield_co();
    put();
    harness_join();
    fd_closing(pair[0]); /* then close fails, or dup2 does, and the file stays */
    spawn_reader(1, pair[0]);
    sched_yield_co();
    put();
    harness_join();
    ck_assert_int_eq(readings[1].got, 1);
}
END_TEST

START_TEST(a_shared_file_is_taken_out_of_the_poll_set_when_its_number_is_closed)
{
    set_up(_i);
    spawn_reader(0, pair[0]);
    sched_yield_co();
    put();
    harness_join();
    int other = dup(pair[0]); /* keeps the file, and its registration, alive */
    fd_shared(pair[0]);
    close_as_program(pair[0]);
    ck_assert_int_eq(dup2(other, pair[0]), pair[0]);
    spawn_reader(1, pair[0]);
    sched_yield_co();
    put();
    harness_join();
    ck_assert_int_eq(readings[1].got, 1);
}
END_TEST

/* ---- several descriptors at once ---- */

START_TEST(one_coroutine_may_watch_several_descriptors)
{
    enum { COUNT = 50 };
    struct fd_waiter waiters[COUNT];
    int fds[COUNT];
    set_up(_i);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = eventfd(0, EFD_NONBLOCK);
        waiters[i] = (struct fd_waiter){ .co = this_co(), .fd = fds[i] };
        ck_assert_int_eq(fd_watch(&waiters[i], false), 0);
    }
    ck_assert_int_eq(eventfd_write(fds[31], 1), 0);
    if (scripted)
        script_post(fds[31], POLL_READ);
    ck_assert_int_eq(sched_park(harness_now_ns() + 5 * NSEC_PER_SEC), 0);
    for (int i = 0; i < COUNT; i++) {
        fd_unwatch(&waiters[i]);
        ck_assert(list_empty(&fd_entry(fds[i])->readers));
    }
}
END_TEST

START_TEST(reset_forgets_waiters_and_registrations)
{
    set_up(_i);
    spawn_reader(0, pair[0]);
    sched_yield_co();
    struct fd_entry *entry = fd_entry(pair[0]);
    uint32_t generation = entry->generation;
    fd_table_reset();
    ck_assert(!entry->registered);
    ck_assert(list_empty(&entry->readers));
    ck_assert(!fd_is_owned(entry));
    ck_assert_uint_ne(entry->generation, generation);
}
END_TEST

START_TEST(random_reads_writes_and_closes_all_end_well)
{
    enum { PIPES = 40, ROUNDS = 4000 };
    int ends[PIPES][2], waiting[PIPES];
    set_up(1);
    for (int i = 0; i < PIPES; i++) {
        must(pipe2(ends[i], O_NONBLOCK) == 0);
        waiting[i] = -1;
    }
    for (int round = 0; round < ROUNDS; round++) {
        int i = rand() % PIPES;
        if (waiting[i] < 0) {
            waiting[i] = i;
            spawn_reader(i, ends[i][0]);
            sched_yield_co();
        } else if (rand() % 4 == 0) { /* close under the waiter, then feed it */
            close_as_program(ends[i][0]);
            must(write(ends[i][1], "x", 1) == 1);
            while (!readings[i].got)
                sched_yield_polling();
            close_as_program(ends[i][1]);
            must(pipe2(ends[i], O_NONBLOCK) == 0);
            waiting[i] = -1;
        } else {
            must(write(ends[i][1], "x", 1) == 1);
            while (!readings[i].got)
                sched_yield_polling();
            waiting[i] = -1;
        }
        must(waiting[i] < 0 || readings[i].result == 1);
    }
    for (int i = 0; i < PIPES; i++)
        must(write(ends[i][1], "x", 1) == 1);
    harness_join();
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE(
        "fd", entries_are_made_on_demand_and_never_move, kinds_are_told_apart,
        a_new_file_under_the_same_number_is_asked_again,
        what_this_process_made_is_remembered_until_it_may_be_shared,
        closed_descriptors_do_not_block, the_floor_of_private_descriptors_follows_the_limit,
        a_reader_waits_until_there_is_something, an_event_wakes_all_readers_and_no_writer,
        a_writer_waits_until_there_is_room, a_wait_ends_at_its_deadline, files_are_always_ready,
        bad_descriptors_are_refused, a_waiter_goes_on_waiting_for_the_file_that_was_closed,
        a_private_copy_lives_as_long_as_somebody_waits,
        events_of_a_closed_descriptor_do_not_reach_its_successor,
        a_close_that_did_not_happen_loses_no_event,
        a_shared_file_is_taken_out_of_the_poll_set_when_its_number_is_closed,
        one_coroutine_may_watch_several_descriptors, reset_forgets_waiters_and_registrations,
        random_reads_writes_and_closes_all_end_well);
}
