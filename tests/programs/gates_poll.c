/* Waiting for several descriptors by system call: readiness from another thread, timeouts, masks
 * that let a signal in, and errors. */
#include "gates.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

static int pair[2];
static volatile int handled;

static void handler(int signal)
{
    handled = signal;
}

static void write_one(long fd)
{
    CHECK_EQ(write((int)fd, "x", 1), 1);
}

static void read_one(void)
{
    char byte;
    CHECK_EQ(read(pair[0], &byte, 1), 1);
}

/* SIGUSR1 is blocked and pending; the call unblocks it. */
static void make_pending(void)
{
    handled = 0;
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQ(handled, 0);
}

static void polls(void)
{
    struct pollfd one = { pair[0], POLLIN, 0 };
    CHECK_EQ(syscall(SYS_poll, &one, 1L, 0), 0);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_poll, &one, 1L, -1));
    CHECK_EQ(one.revents, POLLIN);
    read_one();
    int64_t begin = now_ms();
    CHECK_EQ(syscall(SYS_poll, &one, 1L, 5), 0);
    CHECK(now_ms() - begin >= 4);
    FAILS(EFAULT, SYS_poll, NOWHERE, 1L, 0);
    FAILS(EFAULT, SYS_poll, NOWHERE, 1L, -1);
    FAILS(EINVAL, SYS_poll, &one, 1L << 30, 0);
    one.fd = 999;
    CHECK_EQ(syscall(SYS_poll, &one, 1L, -1), 1);
    CHECK_EQ(one.revents, POLLNVAL);
}

static void ppolls(void)
{
    struct pollfd one = { pair[0], POLLIN, 0 };
    struct timespec span = { 50, 0 }, wrong = { 0, -1 }, zero = { 0, 0 };
    uint64_t none = 0;
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_ppoll, &one, 1L, NULL, NULL, 8L));
    read_one();
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_ppoll, &one, 1L, &span, &none, 8L));
    CHECK(span.tv_sec < 50); /* what was left */
    read_one();
    CHECK_EQ(syscall(SYS_ppoll, &one, 1L, &zero, NULL, 8L), 0);
    make_pending();
    FAILS(EINTR, SYS_ppoll, &one, 1L, NULL, &none, 8L);
    CHECK_EQ(handled, SIGUSR1);
    FAILS(EINVAL, SYS_ppoll, &one, 1L, &wrong, NULL, 8L);
    FAILS(EINVAL, SYS_ppoll, &one, 1L, NULL, &none, 7L);
    FAILS(EFAULT, SYS_ppoll, &one, 1L, NOWHERE, NULL, 8L);
    FAILS(EFAULT, SYS_ppoll, &one, 1L, NULL, NOWHERE, 8L);
    FAILS(EFAULT, SYS_ppoll, NOWHERE, 1L, NULL, NULL, 8L);
}

static void set_one(fd_set *set)
{
    FD_ZERO(set);
    FD_SET(pair[0], set);
}

static void selects(void)
{
    fd_set set;
    struct timeval zero = { 0, 0 }, span = { 50, 0 }, wrong = { -1, 0 }, normal = { 0, 5000000 };
    set_one(&set);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_select, pair[0] + 1, &set, NULL, NULL, NULL));
    CHECK(FD_ISSET(pair[0], &set));
    read_one();
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_select, pair[0] + 1, &set, NULL, NULL, &span));
    CHECK(span.tv_sec < 50);
    CHECK_EQ(syscall(SYS_select, pair[0] + 1, &set, NULL, NULL, &normal), 1);
    read_one();
    CHECK_EQ(syscall(SYS_select, pair[0] + 1, &set, NULL, NULL, &zero), 0);
    CHECK(!FD_ISSET(pair[0], &set));
    FAILS(EINVAL, SYS_select, -1, NULL, NULL, NULL, &zero);
    FAILS(EINVAL, SYS_select, 0, NULL, NULL, NULL, &wrong);
    FAILS(EFAULT, SYS_select, 8, NOWHERE, NULL, NULL, NULL);
    FAILS(EFAULT, SYS_select, 8, &set, NULL, NULL, NOWHERE);
    FD_ZERO(&set);
    FD_SET(60, &set);
    FAILS(EBADF, SYS_select, 61, &set, NULL, NULL, NULL);
}

static void pselects(void)
{
    fd_set set;
    struct timespec zero = { 0, 0 }, span = { 50, 0 }, wrong = { 0, 1000000000 };
    uint64_t none = 0;
    struct {
        const uint64_t *set;
        size_t bytes;
    } mask = { &none, 8 }, no_mask = { NULL, 8 };
    int count = pair[0] + 1;
    set_one(&set);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_pselect6, count, &set, NULL, NULL, NULL, NULL));
    CHECK(FD_ISSET(pair[0], &set));
    read_one();
    WAITS_FOR(write_one, pair[1], 1,
              syscall(SYS_pselect6, count, &set, NULL, NULL, &span, &no_mask));
    CHECK(span.tv_sec < 50);
    read_one();
    CHECK_EQ(syscall(SYS_pselect6, count, &set, NULL, NULL, &zero, NULL), 0);
    set_one(&set);
    make_pending();
    FAILS(EINTR, SYS_pselect6, count, &set, NULL, NULL, NULL, &mask);
    CHECK_EQ(handled, SIGUSR1);
    CHECK(FD_ISSET(pair[0], &set)); /* untouched */
    FAILS(EINVAL, SYS_pselect6, -1, NULL, NULL, NULL, NULL, NULL);
    FAILS(EINVAL, SYS_pselect6, 0, NULL, NULL, NULL, &wrong, NULL);
    FAILS(EFAULT, SYS_pselect6, count, &set, NULL, NULL, NOWHERE, NULL);
    FAILS(EFAULT, SYS_pselect6, count, &set, NULL, NULL, NULL, NOWHERE);
    FAILS(EFAULT, SYS_pselect6, count, NOWHERE, NULL, NULL, NULL, NULL);
    mask.bytes = 7;
    FAILS(EINVAL, SYS_pselect6, count, &set, NULL, NULL, NULL, &mask);
}

static int new_epoll(void)
{
    struct epoll_event event = { .events = EPOLLIN, .data = { .u32 = 77 } };
    int fd = epoll_create1(0);
    CHECK(fd >= 0);
    CHECK_EQ(epoll_ctl(fd, EPOLL_CTL_ADD, pair[0], &event), 0);
    return fd;
}

static void epolls(void)
{
    struct epoll_event got[2];
    int fd = new_epoll();
    CHECK_EQ(syscall(SYS_epoll_wait, fd, got, 2, 0), 0);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_epoll_wait, fd, got, 2, -1));
    CHECK_EQ(got[0].data.u32, 77);
    FAILS(EFAULT, SYS_epoll_wait, fd, NOWHERE, 2, -1);
    read_one();
    CHECK_EQ(syscall(SYS_epoll_wait, fd, got, 2, 3), 0);
    FAILS(EINVAL, SYS_epoll_wait, fd, got, 0, -1);
    FAILS(EBADF, SYS_epoll_wait, -1, got, 2, -1);
    FAILS(EINVAL, SYS_epoll_wait, pair[0], got, 2, -1);
    close(fd);
}

static void epolls_masked(void)
{
    struct epoll_event got[2];
    uint64_t none = 0;
    int fd = new_epoll();
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_epoll_pwait, fd, got, 2, -1, NULL, 8L));
    read_one();
    make_pending();
    FAILS(EINTR, SYS_epoll_pwait, fd, got, 2, -1, &none, 8L);
    CHECK_EQ(handled, SIGUSR1);
    CHECK_EQ(syscall(SYS_epoll_pwait, fd, got, 2, 3, &none, 8L), 0);
    FAILS(EINVAL, SYS_epoll_pwait, fd, got, 2, -1, &none, 7L);
    FAILS(EFAULT, SYS_epoll_pwait, fd, got, 2, -1, NOWHERE, 8L);
    FAILS(EBADF, SYS_epoll_pwait, -1, got, 2, -1, NULL, 8L);
    close(fd);
}

static void epolls_fine(void)
{
    struct epoll_event got[2];
    struct timespec zero = { 0, 0 }, span = { 0, 3000000 }, wrong = { 0, -1 };
    uint64_t none = 0;
    int fd = new_epoll();
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_epoll_pwait2, fd, got, 2, NULL, NULL, 8L));
    read_one();
    make_pending();
    FAILS(EINTR, SYS_epoll_pwait2, fd, got, 2, NULL, &none, 8L);
    CHECK_EQ(handled, SIGUSR1);
    CHECK_EQ(syscall(SYS_epoll_pwait2, fd, got, 2, &zero, &none, 8L), 0);
    CHECK_EQ(syscall(SYS_epoll_pwait2, fd, got, 2, &span, NULL, 8L), 0);
    CHECK_EQ(span.tv_nsec, 3000000);
    FAILS(EINVAL, SYS_epoll_pwait2, fd, got, 2, &wrong, NULL, 8L);
    FAILS(EINVAL, SYS_epoll_pwait2, fd, got, 2, NULL, &none, 7L);
    FAILS(EFAULT, SYS_epoll_pwait2, fd, got, 2, NOWHERE, NULL, 8L);
    FAILS(EFAULT, SYS_epoll_pwait2, fd, got, 2, NULL, NOWHERE, 8L);
    FAILS(EBADF, SYS_epoll_pwait2, -1, got, 2, NULL, NULL, 8L);
    close(fd);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "poll", polls },
        { "ppoll", ppolls },
        { "select", selects },
        { "pselect6", pselects },
        { "epoll_wait", epolls },
        { "epoll_pwait", epolls_masked },
        { "epoll_pwait2", epolls_fine },
    };
    struct sigaction action = { .sa_handler = handler };
    sigset_t blocked;
    CHECK_EQ(pipe(pair), 0);
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &blocked, NULL), 0);
    run_gates(tests, COUNT(tests));
    return 0;
}
