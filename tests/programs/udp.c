/* Datagrams: a server thread answers many client threads, addresses and sizes intact; a port that
 * nobody holds refuses. */
#include "net.h"

#define CLIENTS 12
#define ROUNDS  30

static int server, port;

static void *serves(void *arg)
{
    char data[2000];
    for (;;) {
        struct sockaddr_in from;
        socklen_t length = sizeof(from);
        ssize_t got = recvfrom(server, data, sizeof(data), 0, (struct sockaddr *)&from, &length);
        CHECK(got >= 0);
        if (got == 0)
            return arg;
        data[0]++;
        CHECK_EQ(sendto(server, data, (size_t)got, 0, (struct sockaddr *)&from, length), got);
    }
}

static void *asks(void *arg)
{
    char question[1500], answer[1500];
    struct sockaddr_in to = loopback(port);
    int connected = (long)arg % 2 == 0;
    int fd = bound_socket(SOCK_DGRAM);
    if (connected)
        CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = (size_t)(1 + (i * 41) % 1400);
        memset(question, (int)(long)arg + i, size);
        if (connected)
            CHECK_EQ(send(fd, question, size, 0), size);
        else
            CHECK_EQ(sendto(fd, question, size, 0, (struct sockaddr *)&to, sizeof(to)), size);
        CHECK_EQ(recv(fd, answer, sizeof(answer), 0), size);
        question[0]++;
        CHECK(memcmp(question, answer, size) == 0);
    }
    close(fd);
    return NULL;
}

static void refused(void)
{
    char byte = 'x';
    int unused = bound_socket(SOCK_DGRAM);
    struct sockaddr_in to = loopback(bound_port(unused));
    close(unused);
    int fd = bound_socket(SOCK_DGRAM);
    CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    CHECK_EQ(send(fd, &byte, 1, 0), 1);
    CHECK_EQ(recv(fd, &byte, 1, 0), -1);
    CHECK_EQ(errno, ECONNREFUSED);
    close(fd);
    puts("refused");
}

int main(void)
{
    pthread_t threads[CLIENTS];
    server = bound_socket(SOCK_DGRAM);
    port = bound_port(server);
    pthread_t thread = start(serves, NULL);
    for (long i = 0; i < CLIENTS; i++)
        threads[i] = start(asks, (void *)i);
    for (int i = 0; i < CLIENTS; i++)
        join(threads[i]);
    struct sockaddr_in to = loopback(port);
    CHECK_EQ(sendto(server, "", 0, 0, (struct sockaddr *)&to, sizeof(to)), 0);
    join(thread);
    puts("answered, all");
    refused();
    return 0;
}
