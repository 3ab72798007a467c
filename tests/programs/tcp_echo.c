/* A TCP echo server with a thread for each connection, and its clients, one thread each. */
#include "net.h"

#include <netinet/tcp.h>

#define CLIENTS 100
#define ROUNDS  10

static int port;

static void *echoes(void *arg)
{
    int fd = (int)(long)arg;
    char data[3000];
    ssize_t got;
    while ((got = read(fd, data, sizeof(data))) > 0)
        CHECK_EQ(send(fd, data, (size_t)got, MSG_NOSIGNAL), got);
    CHECK_EQ(got, 0);
    close(fd);
    return NULL;
}

static void *accepts(void *arg)
{
    int server = (int)(long)arg;
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        struct sockaddr_in peer;
        socklen_t length = sizeof(peer);
        int fd = accept(server, (struct sockaddr *)&peer, &length);
        CHECK(fd >= 0);
        CHECK_EQ(ntohl(peer.sin_addr.s_addr), INADDR_LOOPBACK);
        threads[i] = start(echoes, (void *)(long)fd);
    }
    for (int i = 0; i < CLIENTS; i++)
        join(threads[i]);
    return NULL;
}

static void *asks(void *arg)
{
    static const int one = 1;
    unsigned char question[20000], answer[20000];
    int fd = connect_to(port);
    CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    long total = 0;
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = (size_t)(1 + ((long)arg * 37 + i * 1999) % 19999);
        fill_pattern((unsigned)(long)arg, question, size);
        CHECK_EQ(write(fd, question, size), size);
        CHECK_EQ(read_full(fd, answer, size), size);
        check_pattern((unsigned)(long)arg, answer, size, 0);
        total += (long)size;
    }
    CHECK_EQ(shutdown(fd, SHUT_WR), 0);
    CHECK_EQ(read(fd, answer, sizeof(answer)), 0);
    close(fd);
    return (void *)total;
}

int main(void)
{
    pthread_t threads[CLIENTS];
    long total = 0;
    int server = listen_socket();
    port = bound_port(server);
    pthread_t acceptor = start(accepts, (void *)(long)server);
    for (long i = 0; i < CLIENTS; i++)
        threads[i] = start(asks, (void *)i);
    for (int i = 0; i < CLIENTS; i++)
        total += (long)join(threads[i]);
    join(acceptor);
    printf("%d clients, %ld bytes there and back\n", CLIENTS, total);
    return 0;
}
