/* Descriptors that are O_NONBLOCK say EAGAIN and EINPROGRESS at once; blocking ones stay blocking:
 * nobody changes the flags behind the program's back. */
#include "net.h"

#include <fcntl.h>
#include <poll.h>

static void *reads_one(void *arg)
{
    char byte = 0;
    CHECK_EQ(read((int)(long)arg, &byte, 1), 1);
    return (void *)(long)byte;
}

static void check_flags(int fd, int wanted)
{
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, wanted);
}

static void pipes(void)
{
    int ends[2];
    char data[5000] = "";
    CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
    CHECK_EQ(read(ends[0], data, 1), -1);
    CHECK_EQ(errno, EAGAIN);
    long total = 0;
    for (ssize_t done; (done = write(ends[1], data, sizeof(data))) > 0;)
        total += done;
    CHECK_EQ(errno, EAGAIN);
    CHECK(total >= 4096);
    check_flags(ends[0], O_NONBLOCK);

    /* The flag belongs to the open file: a duplicate shares it. */
    int blocking[2];
    CHECK_EQ(pipe(blocking), 0);
    int copy = dup(blocking[0]);
    pthread_t reader = start(reads_one, (void *)(long)blocking[0]);
    usleep(2000);
    check_flags(copy, 0);
    check_flags(blocking[1], 0);
    CHECK_EQ(write(blocking[1], "z", 1), 1);
    CHECK_EQ((long)join(reader), 'z');
    check_flags(copy, 0);
    CHECK_EQ(fcntl(copy, F_SETFL, O_NONBLOCK), 0);
    CHECK_EQ(read(blocking[0], data, 1), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(fcntl(blocking[0], F_SETFL, 0), 0);
    reader = start(reads_one, (void *)(long)copy);
    CHECK_EQ(write(blocking[1], "y", 1), 1);
    CHECK_EQ((long)join(reader), 'y');
    puts("pipes");
}

static void sockets(void)
{
    int value = 1;
    socklen_t length = sizeof(value);
    int server = listen_socket();
    struct sockaddr_in address = loopback(bound_port(server));
    CHECK_EQ(fcntl(server, F_SETFL, O_NONBLOCK), 0);
    CHECK_EQ(accept(server, NULL, NULL), -1);
    CHECK_EQ(errno, EAGAIN);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int result = connect(client, (struct sockaddr *)&address, sizeof(address));
    CHECK(result == 0 || errno == EINPROGRESS);
    struct pollfd waits[2] = { { client, POLLOUT, 0 }, { server, POLLIN, 0 } };
    CHECK_EQ(poll(&waits[0], 1, 20000), 1);
    CHECK_EQ(getsockopt(client, SOL_SOCKET, SO_ERROR, &value, &length), 0);
    CHECK_EQ(value, 0);
    CHECK_EQ(poll(&waits[1], 1, 20000), 1);
    int fd = accept4(server, NULL, NULL, SOCK_NONBLOCK);
    CHECK(fd >= 0);
    check_flags(fd, O_NONBLOCK);
    CHECK_EQ(recv(fd, &value, 1, 0), -1);
    CHECK_EQ(errno, EAGAIN);
    /* MSG_WAITALL does not make it wait. */
    CHECK_EQ(send(client, "ab", 2, 0), 2);
    waits[1].fd = fd;
    CHECK_EQ(poll(&waits[1], 1, 20000), 1);
    CHECK_EQ(recv(fd, &value, 4, MSG_WAITALL), 2);
    puts("sockets");
}

static void *all(void *arg)
{
    pipes();
    sockets();
    return arg;
}

int main(void)
{
    join(start(all, NULL));
    all(NULL);
    return 0;
}
