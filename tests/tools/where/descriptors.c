/* Threads that wait for descriptors. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int pipe_ends[2], full[2], pair[2], listener;

static void *in_read(void *argument)
{
    char byte;
    read(pipe_ends[0], &byte, 1);
    return argument;
}

static void *in_readv(void *argument)
{
    char byte;
    readv(pipe_ends[0], &(struct iovec){ &byte, 1 }, 1);
    return argument;
}

static void *in_fgets(void *argument)
{
    char line[80];
    FILE *file = fdopen(dup(pipe_ends[0]), "r");
    fgets(line, sizeof(line), file);
    return argument;
}

static void *in_write(void *argument)
{
    static char much[1 << 20];
    write(full[1], much, sizeof(much));
    return argument;
}

static void *in_recv(void *argument)
{
    char byte;
    recv(pair[0], &byte, 1, 0);
    return argument;
}

static void *in_recvmsg(void *argument)
{
    char byte;
    struct iovec part = { &byte, 1 };
    recvmsg(pair[0], &(struct msghdr){ .msg_iov = &part, .msg_iovlen = 1 }, 0);
    return argument;
}

static void *in_accept(void *argument)
{
    accept(listener, NULL, NULL);
    return argument;
}

static void *in_poll(void *argument)
{
    poll(&(struct pollfd){ pair[1], POLLIN, 0 }, 1, -1);
    return argument;
}

static void *in_ppoll(void *argument)
{
    ppoll(&(struct pollfd){ pair[1], POLLIN, 0 }, 1, NULL, NULL);
    return argument;
}

static void *in_select(void *argument)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[1], &set);
    select(pair[1] + 1, &set, NULL, NULL, NULL);
    return argument;
}

static void *in_epoll(void *argument)
{
    struct epoll_event event = { .events = EPOLLIN };
    int epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &event);
    epoll_wait(epoll, &event, 1, -1);
    return argument;
}

static void *in_eventfd(void *argument)
{
    eventfd_t value;
    eventfd_read(eventfd(0, 0), &value);
    return argument;
}

int main(void)
{
    static void *(*const bodies[])(void *) = {
        in_read,   in_readv, in_fgets, in_write,  in_recv,  in_recvmsg,
        in_accept, in_poll,  in_ppoll, in_select, in_epoll, in_eventfd,
    };
    struct sockaddr_in address = { .sin_family = AF_INET };
    pthread_t thread;
    char byte;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pipe(pipe_ends);
    pipe(full);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, sizeof(address));
    listen(listener, 5);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        pthread_create(&thread, NULL, bodies[i], NULL);
    read(pipe_ends[0], &byte, 1);
    return 0;
}
