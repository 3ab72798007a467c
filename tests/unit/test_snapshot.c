/* What observers see: pages of threads in order, what each waits on, peers, threads that end. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "runtime/futex.h"
#include "runtime/unstarted.h"
#include "tests/unit/harness.h"

static struct co_info info[64];

static void park(void *argument)
{
    (void)argument;
    sched_park(DEADLINE_NEVER);
}

static void set_up(int sleepers)
{
    harness_start(&poll_epoll);
    for (int i = 0; i < sleepers; i++)
        harness_spawn(park, NULL);
    sched_yield_co();
}

START_TEST(a_dormant_process_has_no_threads)
{
    ck_assert_uint_eq(co_snapshot(0, info, ARRAY_SIZE(info)), 0);
}
END_TEST

START_TEST(pages_cover_all_in_the_order_of_their_ids)
{
    uint64_t last = 0, seen = 0;
    size_t count;
    set_up(1000);
    while ((count = co_snapshot(last, info, ARRAY_SIZE(info)))) {
        for (size_t i = 0; i < count; i++, seen++) {
            must(info[i].id > last);
            last = info[i].id;
        }
    }
    ck_assert_uint_eq(seen, 1001);
    ck_assert_uint_eq(co_snapshot(0, info, 1), 1); /* from the start again */
    ck_assert_uint_eq(info[0].id, 1);
    ck_assert_uint_eq(co_snapshot(500, info, 1), 1);
    ck_assert_uint_eq(info[0].id, 501);
}
END_TEST

/* Ids 1 to 4 are alive, and so will be 7. */
START_TEST(threads_that_were_not_started_stand_between_the_others)
{
    struct unstarted late = { .id = 9, .creator_id = 1, .name = "late" }, early = { .id = 6 };
    set_up(3);
    runtime.next_id = 6;
    harness_spawn(park, NULL);
    unstarted_add(&late);
    unstarted_add(&early); /* as one whose start has failed */
    for (int round = 0; round < 2; round++) {
        uint64_t last = 4;
        static const uint64_t ids[] = { 6, 7, 9 };
        for (int i = 0; i < 3; i++) {
            ck_assert_uint_eq(co_snapshot(last, info, 1), 1);
            last = info[0].id;
            ck_assert_uint_eq(last, ids[i]);
        }
        ck_assert_uint_eq(co_snapshot(last, info, 1), 0);
    }
    ck_assert_uint_eq(co_snapshot(0, info, ARRAY_SIZE(info)), 7);
    ck_assert_uint_eq(info[6].state, CO_NEW);
    ck_assert_uint_eq(info[6].tid, 0);
    ck_assert_uint_eq(info[6].creator_id, 1);
    ck_assert_str_eq(info[6].name, "late");
    unstarted_remove(&late);
    unstarted_remove(&late);
    ck_assert_uint_eq(co_snapshot(4, info, ARRAY_SIZE(info)), 2);
    unstarted_reset();
    unstarted_remove(&early);
    ck_assert_uint_eq(co_snapshot(4, info, ARRAY_SIZE(info)), 1);
}
END_TEST

START_TEST(the_main_thread_is_there_and_runs)
{
    set_up(1);
    ck_assert_uint_eq(co_snapshot(0, info, ARRAY_SIZE(info)), 2);
    ck_assert_uint_eq(info[0].tid, getpid());
    ck_assert_uint_eq(info[0].state, CO_RUNNING);
    ck_assert_uint_eq(info[0].wait_kind, WAIT_NONE);
    ck_assert_uint_eq(info[1].state, CO_PARKED);
    ck_assert_uint_eq(info[1].tid, runtime.tid_base);
    ck_assert_uint_eq(info[1].slices, 1);
    ck_assert_uint_eq(info[1].waits, 1);
    ck_assert_uint_eq(info[1].stack_bytes, HARNESS_STACK_BYTES);
    ck_assert_uint_gt(info[1].stack_used_bytes, 0);
    ck_assert_uint_lt(info[1].stack_used_bytes, 4096);
}
END_TEST

static void wait_for_word(void *argument)
{
    uint32_t *word = argument;
    co_waits(this_co(), (struct co_wait){ .kind = WAIT_FUTEX, .fd = -1, .addr = (uintptr_t)word });
    futex_wait(word, 0, FUTEX_ANY, harness_now_ns() + NSEC_PER_SEC);
}

START_TEST(a_wait_on_a_word_shows_its_address_and_the_time_left)
{
    uint32_t word = 0;
    set_up(0);
    harness_spawn(wait_for_word, &word);
    sched_yield_co();
    ck_assert_uint_eq(co_snapshot(1, info, ARRAY_SIZE(info)), 1);
    ck_assert_uint_eq(info[0].wait_kind, WAIT_FUTEX);
    ck_assert_uint_eq(info[0].wait_addr, (uintptr_t)&word);
    ck_assert_uint_gt(info[0].wait_left_ns, NSEC_PER_SEC / 2);
    ck_assert_uint_le(info[0].wait_left_ns, NSEC_PER_SEC);
    ck_assert_int_eq(info[0].wait_fd, -1);
    ck_assert_uint_eq(info[0].wait_nr, UINT32_MAX);
    ck_assert_str_eq(info[0].peer, "");
}
END_TEST

static void wait_readable(void *argument)
{
    struct fd_waiter waiter = { .fd = *(int *)argument };
    fd_wait(&waiter, false, DEADLINE_NEVER);
}

static const char *peer_of(int fd)
{
    harness_spawn(wait_readable, &fd);
    sched_yield_co();
    ck_assert_uint_eq(co_snapshot(1, info, ARRAY_SIZE(info)), 1);
    ck_assert_uint_eq(info[0].wait_kind, WAIT_READ);
    ck_assert_int_eq(info[0].wait_fd, fd);
    ck_assert(info[0].wait_left_ns == UINT64_MAX);
    return info[0].peer;
}

static int connected(int family, const void *loopback, socklen_t length, int *port)
{
    struct sockaddr_storage address;
    int listener = socket(family, SOCK_STREAM, 0), fd = socket(family, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, loopback, length) || listen(listener, 1))
        return -1;
    ck_assert_int_eq(getsockname(listener, (void *)&address, &length), 0);
    ck_assert_int_eq(connect(fd, (void *)&address, length), 0);
    *port = ntohs(((struct sockaddr_in *)&address)->sin_port);
    return fd;
}

START_TEST(a_tcp_peer_is_shown)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    char expected[CO_PEER_BYTES];
    int port;
    set_up(0);
    int fd = connected(AF_INET, &address, sizeof(address), &port);
    snprintf(expected, sizeof(expected), "127.0.0.1:%d", port);
    ck_assert_str_eq(peer_of(fd), expected);
}
END_TEST

START_TEST(a_tcp6_peer_is_shown)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    char expected[CO_PEER_BYTES];
    int port;
    set_up(0);
    int fd = connected(AF_INET6, &address, sizeof(address), &port);
    if (fd < 0)
        return; /* no IPv6 here */
    snprintf(expected, sizeof(expected), "[0:0:0:0:0:0:0:1]:%d", port);
    ck_assert_str_eq(peer_of(fd), expected);
}
END_TEST

START_TEST(a_local_peer_is_shown_by_its_name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char expected[CO_PEER_BYTES];
    int port;
    set_up(0);
    snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "coroshim-%d", getpid());
    snprintf(expected, sizeof(expected), "@coroshim-%d", getpid());
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(expected));
    ck_assert_str_eq(peer_of(connected(AF_UNIX, &address, length, &port)), expected);
}
END_TEST

START_TEST(a_pipe_has_no_peer)
{
    int pair[2];
    set_up(0);
    ck_assert_int_eq(pipe(pair), 0);
    ck_assert_str_eq(peer_of(pair[0]), "");
}
END_TEST

/* ---- beside a carrier that goes on ---- */

static volatile bool stop;

static void *watch(void *argument)
{
    uint64_t *pages = argument;
    static struct co_info seen[64];
    while (!stop) {
        uint64_t last = 0;
        size_t count;
        while ((count = co_snapshot(last, seen, ARRAY_SIZE(seen)))) {
            for (size_t i = 0; i < count; i++) {
                must(seen[i].id > last);
                must(seen[i].state > CO_FREE && seen[i].state <= CO_PARKED);
                last = seen[i].id;
            }
            ++*pages;
        }
    }
    return NULL;
}

static void live_briefly(void *argument)
{
    for (intptr_t turns = (intptr_t)argument; turns; turns--)
        sched_yield_co();
}

START_TEST(threads_come_and_go_while_others_look)
{
    pthread_t watcher;
    uint64_t pages = 0;
    set_up(100);
    pthread_create(&watcher, NULL, watch, &pages);
    unsigned parked = harness_live();
    uint64_t end = harness_now_ns() + NSEC_PER_SEC / 2;
    while (harness_now_ns() < end) {
        for (int i = 0; i < 100; i++)
            harness_spawn(live_briefly, (void *)(intptr_t)(rand() % 20));
        while (harness_live() > parked)
            sched_yield_co();
    }
    stop = true;
    pthread_join(watcher, NULL);
    ck_assert_uint_gt(pages, 10);
}
END_TEST

int main(void)
{
    RUN_TESTS(
        "snapshot", a_dormant_process_has_no_threads, pages_cover_all_in_the_order_of_their_ids,
        threads_that_were_not_started_stand_between_the_others, the_main_thread_is_there_and_runs,
        a_wait_on_a_word_shows_its_address_and_the_time_left, a_tcp_peer_is_shown,
        a_tcp6_peer_is_shown, a_local_peer_is_shown_by_its_name, a_pipe_has_no_peer,
        threads_come_and_go_while_others_look);
}
