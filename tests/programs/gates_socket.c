/* Sockets by system call: each call's result, one of its errors, and its waiting. */
#include "gates.h"

#include "net.h"

#include <fcntl.h>
#include <sys/time.h>
#include <sys/un.h>

static char room[1 << 16];

static void send_one(long fd)
{
    CHECK_EQ(syscall(SYS_sendto, (int)fd, "x", 1L, 0, NULL, 0), 1);
}

static void drain(long fd)
{
    ssize_t got;
    while ((got = recv((int)fd, room, sizeof(room), MSG_DONTWAIT)) > 0 || errno == EINTR)
        errno = 0;
    CHECK_EQ(errno, EAGAIN);
}

static void fill(int fd)
{
    while (send(fd, room, sizeof(room), MSG_DONTWAIT) > 0)
        continue;
    CHECK_EQ(errno, EAGAIN);
}

static void pair_of(int pair[2], int type)
{
    CHECK_EQ(syscall(SYS_socketpair, AF_UNIX, type, 0, pair), 0);
}

static void close_pair(const int pair[2])
{
    CHECK_EQ(close(pair[0]), 0);
    CHECK_EQ(close(pair[1]), 0);
}

static void addresses(void)
{
    int pair[2];
    char got[4];
    pair_of(pair, SOCK_STREAM);
    WAITS_FOR(send_one, pair[1], 1, syscall(SYS_recvfrom, pair[0], got, 4L, 0, NULL, NULL));
    fill(pair[1]);
    WAITS_FOR(drain, pair[0], 100, syscall(SYS_sendto, pair[1], room, 100L, 0, NULL, 0));
    drain(pair[0]);
    FAILS(EAGAIN, SYS_recvfrom, pair[0], got, 4L, MSG_DONTWAIT, NULL, NULL);
    FAILS(ENOTSOCK, SYS_recvfrom, 0, got, 4L, 0, NULL, NULL);
    FAILS(EBADF, SYS_sendto, -1, got, 4L, 0, NULL, 0);
    FAILS(EFAULT, SYS_sendto, pair[1], NOWHERE, 4L, 0, NULL, 0);
    close_pair(pair);
    struct sockaddr_in from;
    socklen_t length = sizeof(from);
    int a = bound_socket(SOCK_DGRAM), b = bound_socket(SOCK_DGRAM);
    struct sockaddr_in to = loopback(bound_port(a));
    CHECK_EQ(syscall(SYS_sendto, b, "abc", 3L, 0, &to, sizeof(to)), 3);
    CHECK_EQ(syscall(SYS_recvfrom, a, got, 4L, 0, &from, &length), 3);
    CHECK_EQ(ntohs(from.sin_port), bound_port(b));
    CHECK_EQ(syscall(SYS_sendto, b, "abc", 3L, 0, &to, sizeof(to)), 3);
    FAILS(EFAULT, SYS_recvfrom, a, got, 4L, 0, &from, NOWHERE);
    close(a);
    close(b);
}

static void messages(void)
{
    int pair[2];
    char got[4];
    struct iovec part = { got, 4 }, large = { room, 100 };
    struct msghdr in = { .msg_iov = &part, .msg_iovlen = 1 };
    struct msghdr out = { .msg_iov = &large, .msg_iovlen = 1 };
    pair_of(pair, SOCK_STREAM);
    WAITS_FOR(send_one, pair[1], 1, syscall(SYS_recvmsg, pair[0], &in, 0));
    CHECK_EQ(got[0], 'x');
    fill(pair[1]);
    WAITS_FOR(drain, pair[0], 100, syscall(SYS_sendmsg, pair[1], &out, 0));
    FAILS(EFAULT, SYS_recvmsg, pair[0], NOWHERE, 0);
    FAILS(EFAULT, SYS_sendmsg, pair[1], NOWHERE, 0);
    FAILS(EBADF, SYS_recvmsg, -1, &in, 0);
    FAILS(ENOTSOCK, SYS_sendmsg, 0, &out, 0);
    close_pair(pair);
}

static void many_messages(void)
{
    int pair[2];
    char got[2][4];
    struct iovec parts[2] = { { got[0], 4 }, { got[1], 4 } };
    struct mmsghdr two[2] = { { { .msg_iov = &parts[0], .msg_iovlen = 1 }, 0 },
                              { { .msg_iov = &parts[1], .msg_iovlen = 1 }, 0 } };
    pair_of(pair, SOCK_DGRAM);
    WAITS_FOR(send_one, pair[1], 1, syscall(SYS_recvmmsg, pair[0], two, 2, MSG_WAITFORONE, NULL));
    CHECK_EQ(two[0].msg_len, 1);
    CHECK_EQ(syscall(SYS_sendmmsg, pair[1], two, 2, 0), 2);
    CHECK_EQ(two[1].msg_len, 4);
    CHECK_EQ(syscall(SYS_recvmmsg, pair[0], two, 2, 0, NULL), 2);
    while (send(pair[1], "abcd", 4, MSG_DONTWAIT) == 4)
        continue;
    WAITS_FOR(drain, pair[0], 2, syscall(SYS_sendmmsg, pair[1], two, 2, 0));
    drain(pair[0]);
    FAILS(EAGAIN, SYS_recvmmsg, pair[0], two, 2, MSG_DONTWAIT, NULL);
    FAILS(EFAULT, SYS_recvmmsg, pair[0], NOWHERE, 2, MSG_DONTWAIT, NULL);
    FAILS(EFAULT, SYS_sendmmsg, pair[1], NOWHERE, 2, 0);
    FAILS(EBADF, SYS_recvmmsg, -1, two, 2, 0, NULL);
    FAILS(EBADF, SYS_sendmmsg, -1, two, 2, 0);
    struct timespec wrong = { 0, -1 };
    FAILS(EINVAL, SYS_recvmmsg, pair[0], two, 2, 0, &wrong);
    FAILS(EFAULT, SYS_recvmmsg, pair[0], two, 2, 0, NOWHERE);
    close_pair(pair);
}

static int kept[2];

static void connect_now(long port)
{
    struct sockaddr_in address = loopback((int)port);
    kept[0] = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
    CHECK(kept[0] >= 0);
    CHECK_EQ(syscall(SYS_connect, kept[0], &address, sizeof(address)), 0);
}

static void accepts(void)
{
    struct sockaddr_in from;
    socklen_t length = sizeof(from);
    int fd = listen_socket(), port = bound_port(fd);
    long got = -1;
    WAITS_FOR(connect_now, port, 1, (got = syscall(SYS_accept, fd, &from, &length)) >= 0);
    CHECK_EQ(ntohs(from.sin_port), bound_port(kept[0]));
    CHECK_EQ(fcntl((int)got, F_GETFD), 0);
    close(kept[0]);
    close((int)got);
    WAITS_FOR(connect_now, port, 1,
              (got = syscall(SYS_accept4, fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0);
    CHECK_EQ(fcntl((int)got, F_GETFD), FD_CLOEXEC);
    CHECK(fcntl((int)got, F_GETFL) & O_NONBLOCK);
    FAILS(EAGAIN, SYS_recvfrom, (int)got, room, 1L, 0, NULL, NULL);
    FAILS(EINVAL, SYS_accept, (int)got, NULL, NULL);
    FAILS(EINVAL, SYS_accept4, fd, NULL, NULL, 0x40000000);
    FAILS(EBADF, SYS_accept, -1, NULL, NULL);
    FAILS(ENOTSOCK, SYS_accept4, 0, NULL, NULL, 0);
    close(kept[0]);
    close((int)got);
    close(fd);
}

static void accept_two(long fd)
{
    for (int i = 0; i < 2; i++) {
        kept[i] = accept((int)fd, NULL, NULL);
        CHECK(kept[i] >= 0);
    }
}

/* A local listener's queue of one is full: the second connection waits. */
static void connects(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t named = sizeof(address);
    int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = socket(AF_UNIX, SOCK_STREAM, 0), two = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(fd >= 0 && one >= 0 && two >= 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0); /* any name */
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &named), 0);
    CHECK_EQ(listen(fd, 0), 0);
    CHECK_EQ(syscall(SYS_connect, one, &address, named), 0);
    WAITS_FOR(accept_two, fd, 0, syscall(SYS_connect, two, &address, named));
    FAILS(EISCONN, SYS_connect, two, &address, named);
    FAILS(EBADF, SYS_connect, -1, &address, named);
    close_pair(kept);
    close(one);
    close(two);
    close(fd);
    one = socket(AF_INET, SOCK_STREAM, 0);
    FAILS(EFAULT, SYS_connect, one, NOWHERE, 16);
    fd = bound_socket(SOCK_STREAM);
    struct sockaddr_in nobody = loopback(bound_port(fd));
    FAILS(ECONNREFUSED, SYS_connect, one, &nobody, sizeof(nobody));
    close(one);
    close(fd);
}

static void makes(void)
{
    int pair[2];
    int fd = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char byte;
    CHECK(fd >= 0);
    FAILS(EAGAIN, SYS_recvfrom, fd, &byte, 1L, 0, NULL, NULL);
    close(fd);
    FAILS(EAFNOSUPPORT, SYS_socket, 999, SOCK_STREAM, 0);
    FAILS(EINVAL, SYS_socket, AF_INET, 15, 0);
    FAILS(EOPNOTSUPP, SYS_socketpair, AF_INET, SOCK_STREAM, 0, pair);
    FAILS(EFAULT, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, NOWHERE);
    pair_of(pair, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
    FAILS(EAGAIN, SYS_read, pair[0], &byte, 1L);
    CHECK_EQ(fcntl(pair[1], F_GETFD), FD_CLOEXEC);
    close_pair(pair);
}

static void options(void)
{
    int pair[2];
    char byte;
    struct timeval span = { 0, 20000 };
    pair_of(pair, SOCK_STREAM);
    CHECK_EQ(syscall(SYS_setsockopt, pair[0], SOL_SOCKET, SO_RCVTIMEO, &span, sizeof(span)), 0);
    int64_t begin = now_ms();
    FAILS(EAGAIN, SYS_recvfrom, pair[0], &byte, 1L, 0, NULL, NULL);
    CHECK(now_ms() - begin >= 19);
    FAILS(EINVAL, SYS_setsockopt, pair[0], SOL_SOCKET, SO_RCVTIMEO, &span, 1);
    FAILS(ENOPROTOOPT, SYS_setsockopt, pair[0], SOL_SOCKET, 9999, &span, sizeof(span));
    FAILS(EFAULT, SYS_setsockopt, pair[0], SOL_SOCKET, SO_RCVTIMEO, NOWHERE, sizeof(span));
    FAILS(EBADF, SYS_setsockopt, -1, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof(span));
    close_pair(pair);
}

static void shut_down(long fd)
{
    CHECK_EQ(syscall(SYS_shutdown, (int)fd, SHUT_WR), 0);
}

static void shutdowns(void)
{
    int pair[2];
    char byte;
    pair_of(pair, SOCK_STREAM);
    WAITS_FOR(shut_down, pair[1], 0, syscall(SYS_recvfrom, pair[0], &byte, 1L, 0, NULL, NULL));
    FAILS(EPIPE, SYS_sendto, pair[1], "x", 1L, MSG_NOSIGNAL, NULL, 0);
    FAILS(EINVAL, SYS_shutdown, pair[0], 9);
    FAILS(EBADF, SYS_shutdown, -1, SHUT_RD);
    FAILS(ENOTSOCK, SYS_shutdown, 0, SHUT_RD);
    close_pair(pair);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "recvfrom, sendto", addresses },
        { "recvmsg, sendmsg", messages },
        { "recvmmsg, sendmmsg", many_messages },
        { "accept, accept4", accepts },
        { "connect", connects },
        { "socket, socketpair", makes },
        { "setsockopt", options },
        { "shutdown", shutdowns },
    };
    run_gates(tests, COUNT(tests));
    return 0;
}
