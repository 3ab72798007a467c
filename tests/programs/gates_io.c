/* read, write and their kin by system call: results, errors, and waiting for a pipe. */
#include "gates.h"

#include <fcntl.h>
#include <sys/uio.h>

static char room[1 << 16];

static void write_one(long fd)
{
    CHECK_EQ(syscall(SYS_write, (int)fd, "x", 1L), 1);
}

/* Reads until nothing more comes for now. */
static void drain(long fd)
{
    CHECK_EQ(fcntl((int)fd, F_SETFL, O_NONBLOCK), 0);
    do
        while (read((int)fd, room, sizeof(room)) > 0)
            continue;
    while (errno == EINTR);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(fcntl((int)fd, F_SETFL, 0), 0);
}

static void fill(int fd)
{
    CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (write(fd, room, sizeof(room)) > 0)
        continue;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
}

static void close_pair(const int pair[2])
{
    CHECK_EQ(close(pair[0]), 0);
    CHECK_EQ(close(pair[1]), 0);
}

static void reads(void)
{
    int pair[2];
    char got[4] = "";
    CHECK_EQ(pipe(pair), 0);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_read, pair[0], got, sizeof(got)));
    CHECK_EQ(got[0], 'x');
    CHECK_EQ(syscall(SYS_write, pair[1], "abcdef", 6L), 6);
    CHECK_EQ(syscall(SYS_read, pair[0], got, 4L), 4);
    CHECK(memcmp(got, "abcd", 4) == 0);
    FAILS(EFAULT, SYS_read, pair[0], NOWHERE, 2L);
    FAILS(EBADF, SYS_read, -1, got, 1L);
    FAILS(EBADF, SYS_read, pair[1], got, 1L);
    CHECK_EQ(syscall(SYS_read, pair[0], got, 0L), 0);
    close_pair(pair);
}

static void writes(void)
{
    int pair[2];
    CHECK_EQ(pipe(pair), 0);
    fill(pair[1]);
    WAITS_FOR(drain, pair[0], 100, syscall(SYS_write, pair[1], room, 100L));
    FAILS(EFAULT, SYS_write, pair[1], NOWHERE, 2L);
    FAILS(EBADF, SYS_write, -1, room, 1L);
    FAILS(EBADF, SYS_write, pair[0], room, 1L);
    close_pair(pair);
}

static void vectors(void)
{
    int pair[2];
    char a[2], b[2];
    struct iovec parts[2] = { { a, 2 }, { b, 2 } };
    CHECK_EQ(pipe(pair), 0);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_readv, pair[0], parts, 2));
    CHECK_EQ(a[0], 'x');
    memcpy(a, "ab", 2);
    memcpy(b, "cd", 2);
    CHECK_EQ(syscall(SYS_writev, pair[1], parts, 2), 4);
    memset(a, 0, 2);
    memset(b, 0, 2);
    CHECK_EQ(syscall(SYS_readv, pair[0], parts, 2), 4);
    CHECK(memcmp(a, "ab", 2) == 0 && memcmp(b, "cd", 2) == 0);
    fill(pair[1]);
    WAITS_FOR(drain, pair[0], 4, syscall(SYS_writev, pair[1], parts, 2));
    FAILS(EINVAL, SYS_readv, pair[0], parts, -1);
    FAILS(EINVAL, SYS_writev, pair[1], parts, 5000);
    FAILS(EFAULT, SYS_readv, pair[0], NOWHERE, 1);
    FAILS(EFAULT, SYS_writev, pair[1], NOWHERE, 1);
    FAILS(EBADF, SYS_readv, -1, parts, 2);
    FAILS(EBADF, SYS_writev, -1, parts, 2);
    parts[0].iov_len = (size_t)-1;
    FAILS(EINVAL, SYS_readv, pair[0], parts, 2);
    FAILS(EINVAL, SYS_writev, pair[1], parts, 2);
    close_pair(pair);
}

static void positions(void)
{
    int pair[2], fd = open("positions", O_RDWR | O_CREAT | O_EXCL, 0600);
    char a[2], b[2];
    struct iovec parts[2] = { { a, 2 }, { b, 2 } };
    CHECK_EQ(pipe(pair), 0);
    CHECK(fd >= 0);
    CHECK_EQ(syscall(SYS_pwrite64, fd, "abcdef", 6L, 10L), 6);
    CHECK_EQ(syscall(SYS_pread64, fd, a, 2L, 12L), 2);
    CHECK(memcmp(a, "cd", 2) == 0);
    CHECK_EQ(syscall(SYS_preadv, fd, parts, 2, 11L, 0L), 4);
    CHECK(memcmp(a, "bc", 2) == 0 && memcmp(b, "de", 2) == 0);
    CHECK_EQ(syscall(SYS_pwritev, fd, parts, 2, 100L, 0L), 4);
    CHECK_EQ(syscall(SYS_pread64, fd, b, 2L, 100L), 2);
    CHECK(memcmp(b, "bc", 2) == 0);
    CHECK_EQ(syscall(SYS_pread64, fd, b, 2L, 104L), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    FAILS(EINVAL, SYS_pread64, fd, a, 2L, -1L);
    FAILS(EINVAL, SYS_pwrite64, fd, a, 2L, -1L);
    FAILS(EFAULT, SYS_preadv, fd, NOWHERE, 1, 0L, 0L);
    FAILS(EFAULT, SYS_pwritev, fd, NOWHERE, 1, 0L, 0L);
    FAILS(EBADF, SYS_preadv, -1, parts, 2, 0L, 0L);
    FAILS(EBADF, SYS_pwritev, -1, parts, 2, 0L, 0L);
    FAILS(ESPIPE, SYS_pread64, pair[0], a, 1L, 0L);
    FAILS(ESPIPE, SYS_pwrite64, pair[1], a, 1L, 0L);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(unlink("positions"), 0);
    close_pair(pair);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "read", reads },
        { "write", writes },
        { "readv, writev", vectors },
        { "pread64, pwrite64, preadv, pwritev", positions },
    };
    run_gates(tests, COUNT(tests));
    return 0;
}
