/* shutdown, by another thread or by the peer, wakes blocked readers, writers and acceptors. */
#include "net.h"

#include <poll.h>
#include <signal.h>

static void *reads(void *arg)
{
    char byte;
    return (void *)(recv((int)(long)arg, &byte, 1, 0) + 100);
}

static void *writes(void *arg)
{
    static char data[8 << 20];
    ssize_t sent = send((int)(long)arg, data, sizeof(data), MSG_NOSIGNAL);
    if (sent > 0) {
        CHECK(sent < (ssize_t)sizeof(data));
        sent = send((int)(long)arg, data, sizeof(data), MSG_NOSIGNAL);
    }
    CHECK_EQ(sent, -1);
    return (void *)(long)errno;
}

static void *accepts(void *arg)
{
    int fd = accept((int)(long)arg, NULL, NULL);
    return (void *)(long)(fd < 0 ? errno : 0);
}

static void *polls(void *arg)
{
    struct pollfd wait = { (int)(long)arg, POLLIN | POLLRDHUP, 0 };
    CHECK_EQ(poll(&wait, 1, -1), 1);
    return (void *)(long)wait.revents;
}

int main(void)
{
    int ends[2], tcp[2];
    pthread_t readers[4];
    int server = listen_socket();
    tcp[0] = connect_to(bound_port(server));
    tcp[1] = accept(server, NULL, NULL);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pthread_t acceptor = start(accepts, (void *)(long)server);
    for (int i = 0; i < COUNT(readers); i++)
        readers[i] = start(reads, (void *)(long)(i % 2 ? ends[0] : tcp[0]));
    pthread_t writer = start(writes, (void *)(long)ends[1]);
    pthread_t poller = start(polls, (void *)(long)tcp[1]);
    sleep_ms(50);

    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    CHECK_EQ((long)join(writer), EPIPE);
    puts("the writer got EPIPE");
    CHECK_EQ(shutdown(server, SHUT_RD), 0);
    CHECK_EQ((long)join(acceptor), EINVAL);
    puts("the acceptor got EINVAL");
    CHECK_EQ(shutdown(tcp[0], SHUT_RDWR), 0);
    CHECK_EQ((long)join(readers[0]), 100);
    CHECK_EQ((long)join(readers[2]), 100);
    puts("the TCP readers got the end");
    CHECK_EQ((long)join(poller), POLLIN | POLLRDHUP);
    puts("the poller saw the peer go");
    for (int i = 1; i < COUNT(readers); i += 2) {
        long got = (long)join(readers[i]);
        CHECK(got == 100 || got == 101);
    }
    puts("the other readers got data or the end");
    return 0;
}
