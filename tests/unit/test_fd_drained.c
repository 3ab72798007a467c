/* What a short read says of a TCP socket, and for how long. The socket is a stand-in; no data move. */
#include <sys/socket.h>

#include "runtime/fd.h"
#include "runtime/poll/poll.h"
#include "tests/unit/harness.h"

static struct fd_entry *entry;
static int fd;

static void set_up(void)
{
    int pair[2];
    harness_start(&poll_script);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fd = pair[0];
    entry = fd_entry(fd);
}

static void open_anew(void)
{
    fd_opened(fd, FD_TCP, false);
    entry->registered = true;
}

static void event(uint32_t events)
{
    poll_event((uint64_t)entry->generation << 32 | (uint32_t)fd, events);
}

static bool is_drained(void)
{
    return fd_is_drained(entry, fd);
}

static void read_short(void)
{
    fd_was_read(entry, entry->events, 3, 8);
}

START_TEST(a_short_read_says_empty_until_the_next_event)
{
    set_up();
    open_anew();
    ck_assert(!is_drained());
    for (int i = 0; i < 2 * UINT16_MAX; i++) { /* the count goes round */
        read_short();
        must(is_drained());
        event(POLL_READ);
        must(!is_drained());
    }
}
END_TEST

START_TEST(other_reads_say_nothing)
{
    set_up();
    open_anew();
    for (int result = -EAGAIN; result <= 8; result++) {
        read_short();
        fd_was_read(entry, entry->events, result, 8);
        ck_assert_int_eq(is_drained(), result > 0 && result < 8);
    }
}
END_TEST

START_TEST(an_event_during_the_read_counts)
{
    set_up();
    open_anew();
    uint16_t before = entry->events;
    event(POLL_READ);
    fd_was_read(entry, before, 3, 8);
    ck_assert(!is_drained());
}
END_TEST

START_TEST(after_a_hang_up_or_urgent_data_no_read_says_empty)
{
    set_up();
    for (uint32_t also = POLL_HANGUP; also <= POLL_URGENT; also <<= 1) {
        open_anew();
        event(POLL_READ | also);
        event(POLL_READ);
        read_short();
        ck_assert(!is_drained());
    }
    open_anew(); /* the next file under that number starts afresh */
    read_short();
    ck_assert(is_drained());
}
END_TEST

START_TEST(only_tcp_sockets_that_block_and_are_watched_can_be_empty)
{
    set_up();
    open_anew();
    read_short();
    entry->registered = false;
    ck_assert(!is_drained());
    entry->registered = true;
    fd_set_nonblock(fd, true);
    ck_assert(!is_drained());
    fd_opened(fd, FD_SOCKET, false);
    entry->registered = true;
    read_short();
    ck_assert(!is_drained());
}
END_TEST

int main(void)
{
    RUN_TESTS("fd_drained", a_short_read_says_empty_until_the_next_event, other_reads_say_nothing,
              an_event_during_the_read_counts, after_a_hang_up_or_urgent_data_no_read_says_empty,
              only_tcp_sockets_that_block_and_are_watched_can_be_empty);
}
