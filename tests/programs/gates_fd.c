/* Descriptors by system call: made, copied, changed and closed, and waiting on what they name. */
#include "gates.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

static void write_one(long fd)
{
    CHECK_EQ(syscall(SYS_write, (int)fd, "x", 1L), 1);
}

static void close_it(long fd)
{
    CHECK_EQ(syscall(SYS_close, (int)fd), 0);
}

static void pipes(void)
{
    int pair[2];
    char byte;
    CHECK_EQ(syscall(SYS_pipe, pair), 0);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_read, pair[0], &byte, 1L));
    WAITS_FOR(close_it, pair[1], 0, syscall(SYS_read, pair[0], &byte, 1L));
    FAILS(EBADF, SYS_close, pair[1]);
    close_it(pair[0]);
    CHECK_EQ(syscall(SYS_pipe2, pair, O_NONBLOCK | O_CLOEXEC), 0);
    FAILS(EAGAIN, SYS_read, pair[0], &byte, 1L);
    CHECK_EQ(syscall(SYS_fcntl, pair[0], F_GETFD), FD_CLOEXEC);
    FAILS(EFAULT, SYS_pipe, NOWHERE);
    FAILS(EFAULT, SYS_pipe2, NOWHERE, 0);
    FAILS(EINVAL, SYS_pipe2, pair, 1);
    close_it(pair[0]);
    close_it(pair[1]);
}

static void copies(void)
{
    int pair[2], fd;
    char byte;
    CHECK_EQ(pipe(pair), 0);
    fd = (int)syscall(SYS_dup, pair[0]);
    CHECK(fd >= 0);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_read, fd, &byte, 1L));
    CHECK_EQ(syscall(SYS_dup2, pair[1], fd), fd);
    write_one(fd);
    CHECK_EQ(read(pair[0], &byte, 1), 1);
    CHECK_EQ(syscall(SYS_dup2, fd, fd), fd);
    CHECK_EQ(syscall(SYS_dup3, pair[0], fd, O_CLOEXEC), fd);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_read, fd, &byte, 1L));
    FAILS(EBADF, SYS_dup, -1);
    FAILS(EBADF, SYS_dup2, -1, fd);
    FAILS(EBADF, SYS_dup2, fd, -1);
    FAILS(EINVAL, SYS_dup3, fd, fd, 0);
    FAILS(EINVAL, SYS_dup3, pair[0], fd, 1);
    close_it(fd);
    close_it(pair[0]);
    close_it(pair[1]);
}

static void commands(void)
{
    int pair[2];
    char byte;
    CHECK_EQ(pipe(pair), 0);
    int fd = (int)syscall(SYS_fcntl, pair[0], F_DUPFD, 100);
    CHECK_EQ(fd, 100);
    CHECK_EQ(syscall(SYS_fcntl, fd, F_SETFL, O_NONBLOCK), 0);
    CHECK(syscall(SYS_fcntl, pair[0], F_GETFL) & O_NONBLOCK); /* the same open file */
    FAILS(EAGAIN, SYS_read, pair[0], &byte, 1L);
    CHECK_EQ(syscall(SYS_fcntl, pair[0], F_SETFL, 0), 0);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_read, fd, &byte, 1L));
    FAILS(EBADF, SYS_fcntl, -1, F_GETFL);
    FAILS(EINVAL, SYS_fcntl, fd, 9999, 0);
    FAILS(EINVAL, SYS_fcntl, fd, F_DUPFD, -1);
    close_it(fd);
    close_it(pair[0]);
    close_it(pair[1]);
}

static void unlock(long fd)
{
    struct flock none = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
    CHECK_EQ(syscall(SYS_fcntl, (int)fd, F_OFD_SETLK, &none), 0);
}

static void locks(void)
{
    struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int one = open("lock", O_RDWR | O_CREAT, 0600), two = open("lock", O_RDWR);
    CHECK(one >= 0 && two >= 0);
    CHECK_EQ(syscall(SYS_fcntl, one, F_OFD_SETLK, &all), 0);
    FAILS(EAGAIN, SYS_fcntl, two, F_OFD_SETLK, &all);
    WAITS_FOR(unlock, one, 0, syscall(SYS_fcntl, two, F_OFD_SETLKW, &all));
    FAILS(EFAULT, SYS_fcntl, one, F_OFD_SETLKW, NOWHERE);
    close_it(one);
    close_it(two);
    one = open("lock", O_RDWR);
    CHECK_EQ(syscall(SYS_fcntl, one, F_SETLKW, &all), 0);
    FAILS(EBADF, SYS_fcntl, -1, F_SETLKW, &all);
    close_it(one);
    CHECK_EQ(unlink("lock"), 0);
}

static void requests(void)
{
    int pair[2], bytes = 0, on = 1, off = 0;
    char byte;
    CHECK_EQ(pipe(pair), 0);
    CHECK_EQ(write(pair[1], "abc", 3), 3);
    CHECK_EQ(syscall(SYS_ioctl, pair[0], FIONREAD, &bytes), 0);
    CHECK_EQ(bytes, 3);
    CHECK_EQ(syscall(SYS_ioctl, pair[0], FIONBIO, &on), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(syscall(SYS_read, pair[0], &byte, 1L), 1);
    FAILS(EAGAIN, SYS_read, pair[0], &byte, 1L);
    CHECK_EQ(syscall(SYS_ioctl, pair[0], FIONBIO, &off), 0);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_read, pair[0], &byte, 1L));
    FAILS(EBADF, SYS_ioctl, -1, FIONBIO, &on);
    FAILS(ENOTTY, SYS_ioctl, pair[0], TIOCGWINSZ, &bytes);
    FAILS(EFAULT, SYS_ioctl, pair[0], FIONBIO, NOWHERE);
    close_it(pair[0]);
    close_it(pair[1]);
}

static void ranges(void)
{
    int pair[2];
    char byte;
    CHECK_EQ(pipe(pair), 0);
    CHECK_EQ(fcntl(pair[0], F_DUPFD, 200), 200);
    CHECK_EQ(fcntl(pair[1], F_DUPFD, 201), 201);
    CHECK_EQ(syscall(SYS_close_range, 200U, 300U, CLOSE_RANGE_CLOEXEC), 0);
    CHECK_EQ(fcntl(200, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(syscall(SYS_close_range, 200U, 300U, 0U), 0);
    FAILS(EBADF, SYS_read, 200, &byte, 1L);
    FAILS(EBADF, SYS_write, 201, &byte, 1L);
    FAILS(EINVAL, SYS_close_range, 2U, 1U, 0U);
    FAILS(EINVAL, SYS_close_range, 200U, 300U, 64U);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_read, pair[0], &byte, 1L));
    CHECK_EQ(syscall(SYS_close_range, (unsigned)pair[1] + 1, ~0U, 0U), 0);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_read, pair[0], &byte, 1L));
    close_it(pair[0]);
    close_it(pair[1]);
}

static void count_up(long fd)
{
    uint64_t two = 2;
    CHECK_EQ(syscall(SYS_write, (int)fd, &two, 8L), 8);
}

static void events(void)
{
    uint64_t count = 0;
    int fd = (int)syscall(SYS_eventfd2, 5U, 0);
    CHECK(fd >= 0);
    CHECK_EQ(syscall(SYS_read, fd, &count, 8L), 8);
    CHECK_EQ(count, 5);
    WAITS_FOR(count_up, fd, 8, syscall(SYS_read, fd, &count, 8L));
    CHECK_EQ(count, 2);
    FAILS(EINVAL, SYS_read, fd, &count, 4L);
    close_it(fd);
    fd = (int)syscall(SYS_eventfd2, 0U, O_NONBLOCK);
    FAILS(EAGAIN, SYS_read, fd, &count, 8L);
    FAILS(EINVAL, SYS_eventfd2, 0U, 2);
    close_it(fd);
}

static void arm(long fd)
{
    struct itimerspec soon = { .it_value = { 0, 1 } };
    CHECK_EQ(timerfd_settime((int)fd, 0, &soon, NULL), 0);
}

static void timers(void)
{
    uint64_t count = 0;
    int fd = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);
    CHECK(fd >= 0);
    WAITS_FOR(arm, fd, 8, syscall(SYS_read, fd, &count, 8L));
    CHECK_EQ(count, 1);
    close_it(fd);
    fd = (int)syscall(SYS_timerfd_create, CLOCK_REALTIME, TFD_NONBLOCK);
    FAILS(EAGAIN, SYS_read, fd, &count, 8L);
    FAILS(EINVAL, SYS_timerfd_create, 99, 0);
    FAILS(EINVAL, SYS_timerfd_create, CLOCK_MONOTONIC, 1);
    close_it(fd);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "pipe, pipe2, close", pipes }, { "dup, dup2, dup3", copies }, { "fcntl", commands },
        { "fcntl's locks", locks },      { "ioctl", requests },         { "close_range", ranges },
        { "eventfd2", events },          { "timerfd_create", timers },
    };
    run_gates(tests, COUNT(tests));
    return 0;
}
