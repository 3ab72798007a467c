/* Set-up shared by the echo servers and the client, so that the sockets differ in nothing. */
#define _GNU_SOURCE
#include "echo.h"

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

void echo_no_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int echo_listen(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) ||
        listen(listener, ECHO_BACKLOG) || getsockname(listener, (struct sockaddr *)&address, &size))
        bench_fail("listening socket: %s", strerror(errno));
    bench_report("port", ntohs(address.sin_port), "tcp");
    return listener;
}

int echo_poller(int listener, epoll_data_t data)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data = data };
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (fcntl(listener, F_SETFL, O_NONBLOCK) || poller < 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event))
        bench_fail("epoll: %s", strerror(errno));
    return poller;
}

int echo_wait(int poller, struct epoll_event *events)
{
    int ready = epoll_wait(poller, events, ECHO_EVENTS, -1);
    if (ready < 0 && errno != EINTR)
        bench_fail("epoll_wait: %s", strerror(errno));
    return ready < 0 ? 0 : ready;
}
