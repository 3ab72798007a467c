/* The poll contract, on every backend: what is registered, which events come, how long a wait is.
 * The test is the runtime here: it provides poll_event and the attention flag. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "runtime/poll/poll.h"
#include "runtime/poll/script.h"
#include "runtime/runtime.h"
#include "tests/unit/suite.h"

#define FLOOR 100

struct runtime runtime;

static const struct poll_backend *set;
static bool scripted;
static struct {
    uint64_t tag;
    uint32_t events;
} seen[600];
static int events_seen;

void poll_event(uint64_t tag, uint32_t events)
{
    must(events_seen < (int)ARRAY_SIZE(seen));
    seen[events_seen].tag = tag;
    seen[events_seen++].events = events;
}

void poll_prefetch_entry(uint64_t tag)
{
    (void)tag;
}

void poll_prefetch_waiter(uint64_t tag)
{
    (void)tag;
}

static void open_set(int which)
{
    scripted = which == 0;
    set = scripted ? &poll_script : which == 1 ? &poll_epoll : &poll_kqueue;
    ck_assert_int_eq(set->open(FLOOR), 0);
}

static int wait_now(uint64_t timeout_ns)
{
    events_seen = 0;
    set->wait(timeout_ns);
    return events_seen;
}

/* What the kernel does by itself, the script is told. */
static void happens(int fd, uint32_t events)
{
    if (scripted)
        script_post(fd, events);
}

static void make_pipe(int pair[2])
{
    ck_assert_int_eq(pipe2(pair, O_NONBLOCK), 0);
}

static void put(int fd)
{
    ck_assert_int_eq(write(fd, "x", 1), 1);
}

static void take(int fd)
{
    char byte;
    ck_assert_int_eq(read(fd, &byte, 1), 1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

START_TEST(an_event_carries_the_tag_of_its_registration)
{
    int pair[2];
    open_set(_i);
    make_pipe(pair);
    uint64_t tag = (uint64_t)0xdeadbeef << 32 | (uint32_t)pair[0];
    ck_assert_int_eq(set->add(pair[0], tag), 0);
    ck_assert_int_eq(wait_now(0), 0);
    put(pair[1]);
    happens(pair[0], POLL_READ);
    ck_assert_int_eq(wait_now(0), 1);
    ck_assert(seen[0].tag == tag);
    ck_assert_uint_eq(seen[0].events & POLL_READ, POLL_READ);
}
END_TEST

START_TEST(events_are_edges)
{
    int pair[2];
    open_set(_i);
    make_pipe(pair);
    ck_assert_int_eq(set->add(pair[0], 1), 0);
    put(pair[1]);
    happens(pair[0], POLL_READ);
    ck_assert_int_eq(wait_now(0), 1);
    ck_assert_int_eq(wait_now(0), 0); /* still readable: not again */
    put(pair[1]);
    happens(pair[0], POLL_READ);
    ck_assert_int_eq(wait_now(0), 1); /* more: again */
}
END_TEST

START_TEST(a_full_pipe_that_drains_is_writable)
{
    static char block[1 << 20];
    int pair[2];
    open_set(_i);
    make_pipe(pair);
    ck_assert_int_gt(write(pair[1], block, sizeof(block)), 0);
    ck_assert_int_eq(set->add(pair[1], 7), 0);
    wait_now(0);
    while (read(pair[0], block, sizeof(block)) > 0)
        ;
    happens(pair[1], POLL_WRITE);
    ck_assert_int_eq(wait_now(0), 1);
    ck_assert_uint_eq(seen[0].tag, 7);
    ck_assert_uint_eq(seen[0].events & POLL_WRITE, POLL_WRITE);
}
END_TEST

START_TEST(the_peers_end_is_readable_and_a_hang_up)
{
    int pair[2];
    open_set(_i);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(set->add(pair[0], 5), 0);
    wait_now(0); /* writable */
    close(pair[1]);
    happens(pair[0], POLL_READ | POLL_WRITE | POLL_HANGUP);
    ck_assert_int_eq(wait_now(0), 1);
    ck_assert_uint_eq(seen[0].events & (POLL_READ | POLL_HANGUP), POLL_READ | POLL_HANGUP);
}
END_TEST

START_TEST(a_half_closed_stream_is_readable_and_a_hang_up)
{
    int pair[2];
    open_set(_i);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(set->add(pair[0], 5), 0);
    wait_now(0);
    shutdown(pair[1], SHUT_WR);
    happens(pair[0], POLL_READ | POLL_HANGUP);
    ck_assert_int_eq(wait_now(0), 1);
    ck_assert_uint_eq(seen[0].events & (POLL_READ | POLL_HANGUP), POLL_READ | POLL_HANGUP);
}
END_TEST

START_TEST(files_that_are_always_ready_are_refused)
{
    open_set(_i);
    int fd = open("/proc/self/exe", O_RDONLY);
    if (scripted)
        fd = SCRIPT_FDS;
    ck_assert_int_eq(set->add(fd, 1), -EPERM);
}
END_TEST

START_TEST(a_second_registration_is_refused_until_the_first_is_removed)
{
    int pair[2];
    open_set(_i);
    make_pipe(pair);
    ck_assert_int_eq(set->add(pair[0], 1), 0);
    ck_assert_int_eq(set->add(pair[0], 2), -EEXIST);
    set->remove(pair[0]);
    put(pair[1]);
    happens(pair[0], POLL_READ);
    ck_assert_int_eq(wait_now(0), 0);
    take(pair[0]);
    ck_assert_int_eq(set->add(pair[0], 2), 0);
    put(pair[1]);
    happens(pair[0], POLL_READ);
    ck_assert_int_eq(wait_now(0), 1);
    ck_assert_uint_eq(seen[0].tag, 2);
}
END_TEST

START_TEST(removing_what_is_not_registered_is_harmless)
{
    int pair[2];
    open_set(_i);
    make_pipe(pair);
    set->remove(pair[0]);
    set->remove(-1);
}
END_TEST

START_TEST(many_events_come_in_one_wait_or_in_several)
{
    enum { COUNT = 500 };
    int pair[COUNT][2], total = 0;
    open_set(_i);
    for (int i = 0; i < COUNT; i++) {
        pair[i][0] = eventfd(0, 0);
        if (scripted && pair[i][0] >= SCRIPT_FDS)
            return;
        ck_assert_int_eq(set->add(pair[i][0], (uint64_t)i), 0);
    }
    while (wait_now(0))
        ; /* all are writable */
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(eventfd_write(pair[i][0], 1), 0);
        happens(pair[i][0], POLL_READ);
    }
    while (wait_now(0))
        total += events_seen;
    ck_assert_int_eq(total, COUNT);
}
END_TEST

START_TEST(a_wait_without_events_lasts_its_timeout)
{
    open_set(_i);
    uint64_t start = now_ns();
    wait_now(3 * NSEC_PER_MSEC + 300 * NSEC_PER_USEC);
    uint64_t took = now_ns() - start;
    if (scripted) {
        ck_assert_uint_eq(script_state()->last_timeout_ns, 3300000);
        return;
    }
    ck_assert_uint_ge(took, 3300000);
    ck_assert_uint_lt(took, 500 * NSEC_PER_MSEC);
}
END_TEST

START_TEST(very_long_timeouts_are_waits)
{
    int pair[2];
    open_set(_i);
    make_pipe(pair);
    ck_assert_int_eq(set->add(pair[0], 1), 0);
    put(pair[1]);
    happens(pair[0], POLL_READ);
    ck_assert_int_eq(wait_now(DEADLINE_NEVER - 1), 1);
}
END_TEST

START_TEST(wanted_attention_ends_a_wait_without_end)
{
    open_set(_i);
    if (scripted)
        return; /* never sleeps */
    runtime.carrier.kthread.attention = ATTENTION_REMOTE;
    ck_assert_int_eq(wait_now(DEADLINE_NEVER), 0);
    ck_assert_int_eq(wait_now(10 * NSEC_PER_SEC), 0);
}
END_TEST

static void *write_later(void *fd)
{
    usleep(10000);
    put(*(int *)fd);
    return NULL;
}

START_TEST(an_event_ends_a_wait_without_end)
{
    int pair[2];
    pthread_t writer;
    open_set(_i);
    if (scripted)
        return;
    make_pipe(pair);
    ck_assert_int_eq(set->add(pair[0], 9), 0);
    pthread_create(&writer, NULL, write_later, &pair[1]);
    ck_assert_int_eq(wait_now(DEADLINE_NEVER), 1);
    ck_assert_uint_eq(seen[0].tag, 9);
    pthread_join(writer, NULL);
}
END_TEST

START_TEST(its_own_descriptor_is_known_high_and_closed_on_exec)
{
    open_set(_i);
    int own = set->fd();
    if (scripted) {
        ck_assert_int_eq(own, -1);
        return;
    }
    ck_assert_int_ge(own, FLOOR);
    ck_assert_int_eq(fcntl(own, F_GETFD), FD_CLOEXEC);
    set->close();
    ck_assert_int_eq(fcntl(own, F_GETFD), -1);
    ck_assert_int_eq(set->fd(), -1);
}
END_TEST

START_TEST(a_set_that_was_closed_opens_again_empty)
{
    int pair[2];
    open_set(_i);
    make_pipe(pair);
    ck_assert_int_eq(set->add(pair[0], 1), 0);
    set->close();
    open_set(_i);
    put(pair[1]);
    happens(pair[0], POLL_READ);
    ck_assert_int_eq(wait_now(0), 0);
    ck_assert_int_eq(set->add(pair[0], 2), 0);
}
END_TEST

int main(void)
{
    RUN_TESTS_TIMES(
        3, "poll", an_event_carries_the_tag_of_its_registration, events_are_edges,
        a_full_pipe_that_drains_is_writable, the_peers_end_is_readable_and_a_hang_up,
        a_half_closed_stream_is_readable_and_a_hang_up, files_that_are_always_ready_are_refused,
        a_second_registration_is_refused_until_the_first_is_removed,
        removing_what_is_not_registered_is_harmless, many_events_come_in_one_wait_or_in_several,
        a_wait_without_events_lasts_its_timeout, very_long_timeouts_are_waits,
        wanted_attention_ends_a_wait_without_end, an_event_ends_a_wait_without_end,
        its_own_descriptor_is_known_high_and_closed_on_exec,
        a_set_that_was_closed_opens_again_empty);
}
