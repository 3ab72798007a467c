/* echo_epoll: the same server as a hand-written event loop, to measure the threads against.
 *
 * Edge-triggered and without a needless call: a read that does not fill the buffer has drained the
 * socket, so a request costs one recv, one send and its share of an epoll_wait. A client of the
 * benchmark has one message outstanding, so a send that would block is answered by closing.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "echo.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void accept_all(int poller, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && errno == EAGAIN)
            return;
        if (fd < 0)
            bench_fail("accept4: %s", strerror(errno));
        echo_no_delay(fd);
        struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fd };
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event))
            bench_fail("epoll_ctl: %s", strerror(errno));
    }
}

static void serve_ready(int fd)
{
    char buffer[ECHO_BUFFER_BYTES];
    for (;;) {
        ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0 || send(fd, buffer, (size_t)got, MSG_NOSIGNAL) != got) {
            close(fd);
            return;
        }
        if (got < (ssize_t)sizeof buffer)
            return;
    }
}

int main(void)
{
    bench_limit(ECHO_LIMIT_S);
    bench_raise_file_limit();
    int listener = echo_listen();
    int poller = echo_poller(listener, (epoll_data_t){ .fd = listener });
    static struct epoll_event events[ECHO_EVENTS];

    for (;;) {
        int ready = echo_wait(poller, events);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(poller, listener);
            else
                serve_ready(events[i].data.fd);
        }
    }
}
