/* SO_RCVTIMEO and SO_SNDTIMEO: EAGAIN after no less than their time, partial results kept. */
#include "net.h"

#include <sys/time.h>

static void set_timeout(int fd, int which, long ms)
{
    struct timeval span = { ms / 1000, (ms % 1000) * 1000 };
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, which, &span, sizeof(span)), 0);
}

static void *receive_times_out(void *arg)
{
    char data[100];
    int ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    set_timeout(ends[0], SO_RCVTIMEO, 50);
    int64_t begin = now_ms();
    CHECK_EQ(recv(ends[0], data, sizeof(data), 0), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK(now_ms() - begin >= 49);
    begin = now_ms();
    CHECK_EQ(read(ends[0], data, sizeof(data)), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK(now_ms() - begin >= 49);
    /* What came before the time-out is returned. */
    CHECK_EQ(write(ends[1], "abc", 3), 3);
    begin = now_ms();
    CHECK_EQ(recv(ends[0], data, sizeof(data), MSG_WAITALL), 3);
    CHECK(now_ms() - begin >= 49);
    set_timeout(ends[0], SO_RCVTIMEO, 50000);
    CHECK_EQ(write(ends[1], "abc", 3), 3);
    CHECK_EQ(read(ends[0], data, sizeof(data)), 3);
    return arg;
}

static void *send_times_out(void *arg)
{
    static char data[4 << 20];
    int ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    set_timeout(ends[0], SO_SNDTIMEO, 50);
    int64_t begin = now_ms();
    ssize_t sent = send(ends[0], data, sizeof(data), 0);
    CHECK(sent > 0 && sent < (ssize_t)sizeof(data));
    CHECK(now_ms() - begin >= 49);
    begin = now_ms();
    while ((sent = write(ends[0], data, sizeof(data))) > 0)
        continue;
    CHECK_EQ(errno, EAGAIN);
    CHECK(now_ms() - begin >= 49);
    return arg;
}

static void *accept_times_out(void *arg)
{
    int server = listen_socket();
    set_timeout(server, SO_RCVTIMEO, 50);
    int64_t begin = now_ms();
    CHECK_EQ(accept(server, NULL, NULL), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK(now_ms() - begin >= 49);
    return arg;
}

int main(void)
{
    void *(*const runs[])(void *) = { receive_times_out, send_times_out, accept_times_out };
    pthread_t threads[COUNT(runs)];
    for (int i = 0; i < COUNT(runs); i++)
        threads[i] = start(runs[i], NULL);
    for (int i = 0; i < COUNT(runs); i++)
        join(threads[i]);
    puts("receive, send and accept timed out");
    return 0;
}
