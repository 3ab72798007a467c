/* Moving data between descriptors, reading and writing with flags, and what else waits for a disk,
 * by system call. */
#include "gates.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int new_file(const char *text)
{
    int fd = (int)syscall(SYS_memfd_create, "file", 0);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void close_both(const int *pair)
{
    close(pair[0]);
    close(pair[1]);
}

static void put(long fd)
{
    CHECK_EQ(write((int)fd, "abc", 3), 3);
}

static void take_much(long fd)
{
    static char buffer[1 << 16];
    CHECK(read((int)fd, buffer, sizeof(buffer)) > 0);
}

/* A socket tells its writers only when most of it is empty. */
static void take_all(long fd)
{
    static char buffer[1 << 16];
    while (recv((int)fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
        continue;
}

static void fill(int fd)
{
    static char buffer[4096];
    int flags = fcntl(fd, F_GETFL);
    CHECK_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (write(fd, buffer, sizeof(buffer)) > 0)
        continue;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(fcntl(fd, F_SETFL, flags), 0);
}

static void send_files(void)
{
    char text[16] = "";
    int pair[2], file = new_file("abcdef");
    long offset = 2;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_EQ(syscall(SYS_sendfile, pair[0], file, &offset, 3L), 3);
    CHECK_EQ(offset, 5);
    CHECK_EQ(read(pair[1], text, sizeof(text)), 3);
    CHECK(strcmp(text, "cde") == 0);
    offset = 0;
    fill(pair[0]);
    WAITS_FOR(take_all, pair[1], 6, syscall(SYS_sendfile, pair[0], file, &offset, 100L));
    FAILS(EBADF, SYS_sendfile, -1, file, NULL, 1L);
    FAILS(EBADF, SYS_sendfile, pair[0], -1, NULL, 1L);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    fill(pair[0]);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    offset = 0;
    FAILS(EAGAIN, SYS_sendfile, pair[0], file, &offset, 6L);
    close_both(pair);
    close(file);
}

static void splice_pipes(void)
{
    char text[16] = "";
    int from[2], to[2], sockets[2], file = new_file("0123456789");
    long offset = 4;
    CHECK_EQ(pipe(from), 0);
    CHECK_EQ(pipe(to), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    WAITS_FOR(put, from[1], 3, syscall(SYS_splice, from[0], NULL, to[1], NULL, 100L, 0));
    CHECK_EQ(read(to[0], text, sizeof(text)), 3);
    CHECK(strcmp(text, "abc") == 0);
    FAILS(EAGAIN, SYS_splice, from[0], NULL, to[1], NULL, 100L, SPLICE_F_NONBLOCK);
    CHECK_EQ(syscall(SYS_splice, file, &offset, to[1], NULL, 3L, 0), 3);
    CHECK_EQ(offset, 7);
    CHECK_EQ(syscall(SYS_splice, to[0], NULL, sockets[0], NULL, 3L, 0), 3);
    CHECK_EQ(read(sockets[1], text, sizeof(text)), 3);
    CHECK(memcmp(text, "456", 3) == 0);
    WAITS_FOR(put, sockets[1], 3, syscall(SYS_splice, sockets[0], NULL, to[1], NULL, 100L, 0));
    FAILS(EINVAL, SYS_splice, file, NULL, file, NULL, 1L, 0);
    FAILS(EBADF, SYS_splice, -1, NULL, to[1], NULL, 1L, 0);
    close(from[1]);
    CHECK_EQ(syscall(SYS_splice, from[0], NULL, to[1], NULL, 100L, 0), 0);
    close(from[0]);
    close_both(to);
    close_both(sockets);
    close(file);
}

static void tees(void)
{
    char text[16] = "";
    int from[2], to[2];
    struct iovec part = { text, 3 };
    CHECK_EQ(pipe(from), 0);
    CHECK_EQ(pipe(to), 0);
    WAITS_FOR(put, from[1], 3, syscall(SYS_tee, from[0], to[1], 100L, 0));
    CHECK_EQ(read(to[0], text, sizeof(text)), 3);
    CHECK_EQ(read(from[0], text, sizeof(text)), 3);
    CHECK(strcmp(text, "abc") == 0);
    FAILS(EAGAIN, SYS_tee, from[0], to[1], 100L, SPLICE_F_NONBLOCK);
    CHECK_EQ(syscall(SYS_vmsplice, to[1], &part, 1L, 0), 3);
    fill(to[1]);
    FAILS(EAGAIN, SYS_vmsplice, to[1], &part, 1L, SPLICE_F_NONBLOCK);
    WAITS_FOR(take_much, to[0], 3, syscall(SYS_vmsplice, to[1], &part, 1L, 0));
    FAILS(EBADF, SYS_vmsplice, -1, &part, 1L, 0);
    close_both(from);
    close_both(to);
}

static void copies(void)
{
    char text[16] = "";
    int from = new_file("abcdef"), to = new_file("");
    long offset = 1;
    CHECK_EQ(syscall(SYS_copy_file_range, from, &offset, to, NULL, 100L, 0), 5);
    CHECK_EQ(pread(to, text, sizeof(text), 0), 5);
    CHECK(strcmp(text, "bcdef") == 0);
    FAILS(EBADF, SYS_copy_file_range, -1, NULL, to, NULL, 1L, 0);
    CHECK_EQ(syscall(SYS_fallocate, to, 0, 0L, 4096L), 0);
    CHECK_EQ(lseek(to, 0, SEEK_END), 4096);
    FAILS(EINVAL, SYS_fallocate, to, 0, -1L, 1L);
    close(from);
    close(to);
}

static void vectors_with_flags(void)
{
    char one[2], two[8] = "";
    struct iovec parts[2] = { { one, 2 }, { two, 7 } };
    int pair[2], file = new_file("abcdef");
    CHECK_EQ(pipe(pair), 0);
    CHECK_EQ(syscall(SYS_preadv2, file, parts, 2, 1L, 0L, 0), 5);
    CHECK(strcmp(two, "def") == 0);
    CHECK_EQ(syscall(SYS_pwritev2, file, parts, 2, 2L, 0L, RWF_DSYNC), 9);
    WAITS_FOR(put, pair[1], 3, syscall(SYS_preadv2, pair[0], parts, 2, -1L, 0L, 0));
    CHECK_EQ(syscall(SYS_pwritev2, pair[1], parts, 1, -1L, 0L, 0), 2);
    FAILS(ESPIPE, SYS_preadv2, pair[0], parts, 2, 0L, 0L, 0);
    FAILS(EOPNOTSUPP, SYS_preadv2, file, parts, 2, 0L, 0L, 1 << 30);
    FAILS(EBADF, SYS_pwritev2, -1, parts, 1, 0L, 0L, 0);
    close_both(pair);
    close(file);
}

static void memory(void)
{
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    CHECK_EQ(syscall(SYS_msync, page, 4096L, MS_SYNC), 0);
    CHECK_EQ(syscall(SYS_msync, page, 4096L, MS_ASYNC), 0);
    FAILS(EINVAL, SYS_msync, page + 1, 4096L, MS_SYNC);
    CHECK_EQ(munmap(page, 4096), 0);
    FAILS(ENOMEM, SYS_msync, page, 4096L, MS_SYNC);
    long known = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    CHECK(known < 0 || !(known & MEMBARRIER_CMD_GLOBAL) ||
          syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0);
    FAILS(EINVAL, SYS_membarrier, 1 << 30, 0, 0);
}

static void kernel_aio(void)
{
    aio_context_t context = 0;
    struct io_event event;
    struct timespec span = span_ms(3);
    if (syscall(SYS_io_setup, 4, &context) != 0)
        return;
    CHECK_EQ(syscall(SYS_io_pgetevents, context, 1L, 1L, &event, &span, NULL), 0);
    CHECK_EQ(syscall(SYS_io_getevents, context, 0L, 1L, &event, NULL), 0);
    CHECK_EQ(syscall(SYS_io_getevents, context, 1L, 1L, &event, &span), 0);
    CHECK_EQ(syscall(SYS_io_destroy, context), 0);
    FAILS(EINVAL, SYS_io_getevents, context, 1L, 1L, &event, &span);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "sendfile", send_files },
        { "splice", splice_pipes },
        { "tee, vmsplice", tees },
        { "copy_file_range, fallocate", copies },
        { "preadv2, pwritev2", vectors_with_flags },
        { "msync, membarrier", memory },
        { "io_getevents, io_pgetevents", kernel_aio },
    };
    run_gates(tests, COUNT(tests));
    return 0;
}
