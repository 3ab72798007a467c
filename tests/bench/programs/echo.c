/* Set-up shared by the echo servers and the client, so that the sockets differ in nothing. */
#define _GNU_SOURCE
#include "echo.h"

#include "bench.h"

#include <errno.h>
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
