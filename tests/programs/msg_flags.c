/* MSG_WAITALL, MSG_PEEK, MSG_DONTWAIT, MSG_TRUNC, MSG_NOSIGNAL keep their meaning on sockets that
 * are otherwise blocking. */
#include "net.h"

static void *sends_in_pieces(void *arg)
{
    int fd = (int)(long)arg;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(send(fd, "0123456789", 10, 0), 10);
        usleep(500);
    }
    return NULL;
}

static void *sends_and_closes(void *arg)
{
    int fd = (int)(long)arg;
    CHECK_EQ(send(fd, "tail", 4, 0), 4);
    usleep(5000);
    close(fd);
    return NULL;
}

static void stream(int type_of_pair)
{
    char data[300];
    int ends[2];
    if (type_of_pair == AF_UNIX) {
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    } else {
        int server = listen_socket();
        ends[1] = connect_to(bound_port(server));
        ends[0] = accept(server, NULL, NULL);
        close(server);
    }
    CHECK_EQ(recv(ends[0], data, 10, MSG_DONTWAIT), -1);
    CHECK_EQ(errno, EAGAIN);
    pthread_t sender = start(sends_in_pieces, (void *)(long)ends[1]);
    CHECK(recv(ends[0], data, 5, MSG_PEEK) > 0);
    CHECK_EQ(recv(ends[0], data, 200, MSG_WAITALL), 200);
    for (int i = 0; i < 200; i++)
        CHECK_EQ(data[i], '0' + i % 10);
    join(sender);
    CHECK_EQ(recv(ends[0], data, 10, MSG_DONTWAIT), -1);
    CHECK_EQ(errno, EAGAIN);
    sender = start(sends_and_closes, (void *)(long)ends[1]);
    CHECK_EQ(recv(ends[0], data, 200, MSG_WAITALL), 4);
    CHECK_EQ(recv(ends[0], data, 200, MSG_WAITALL), 0);
    join(sender);
    ssize_t sent;
    while ((sent = send(ends[0], data, 1, MSG_NOSIGNAL)) == 1)
        continue;
    CHECK(errno == EPIPE || errno == ECONNRESET);
    close(ends[0]);
    printf("stream of family %d\n", type_of_pair);
}

static void *sends_late(void *arg)
{
    usleep(5000);
    CHECK_EQ(send((int)(long)arg, "abcdefghij", 10, 0), 10);
    return NULL;
}

static void datagrams(void)
{
    char data[300];
    int ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    pthread_t sender = start(sends_late, (void *)(long)ends[1]);
    CHECK_EQ(recv(ends[0], data, 4, MSG_PEEK | MSG_TRUNC), 10);
    CHECK_EQ(recv(ends[0], data, 4, MSG_TRUNC), 10);
    CHECK(memcmp(data, "abcd", 4) == 0);
    CHECK_EQ(recv(ends[0], data, 4, MSG_DONTWAIT), -1);
    CHECK_EQ(errno, EAGAIN);
    join(sender);
    int count = 0;
    while (send(ends[0], data, sizeof(data), MSG_DONTWAIT) == sizeof(data))
        count++;
    CHECK_EQ(errno, EAGAIN);
    CHECK(count > 0);
    puts("datagrams");
}

int main(void)
{
    stream(AF_UNIX);
    stream(AF_INET);
    datagrams();
    return 0;
}
