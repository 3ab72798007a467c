/* echo_epoll_full: the server of echo_threads as a hand-written event loop that does all that the threads
 * do: each connection has a buffer of its own, and what a send doesn't take waits there for room.
 *
 * Edge-triggered, and a read that does not fill the buffer has drained the socket, as in echo_epoll, which has
 * nothing for each connection and closes one whose peer doesn't read.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "echo.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    int fd;
    size_t sent, got; /* got > sent: the rest waits for room */
    char buffer[ECHO_BUFFER_BYTES];
};

static void accept_all(int poller, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && errno == EAGAIN)
            return;
        struct connection *connection = malloc(sizeof *connection);
        if (fd < 0 || !connection)
            bench_fail("accept4: %s", strerror(errno));
        connection->fd = fd;
        connection->sent = connection->got = 0;
        echo_no_delay(fd);
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                     .data.ptr = connection };
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event))
            bench_fail("epoll_ctl: %s", strerror(errno));
    }
}

/* False: the connection is over. True: it waits for its next event. */
static bool serve_ready(struct connection *connection)
{
    for (bool drained = false;;) {
        while (connection->sent < connection->got) {
            ssize_t part = send(connection->fd, connection->buffer + connection->sent,
                                connection->got - connection->sent, MSG_NOSIGNAL);
            if (part < 0)
                return errno == EAGAIN;
            connection->sent += (size_t)part;
        }
        if (drained)
            return true;
        ssize_t got = recv(connection->fd, connection->buffer, sizeof connection->buffer, 0);
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        connection->sent = 0;
        connection->got = (size_t)got;
        drained = connection->got < sizeof connection->buffer;
    }
}

int main(void)
{
    bench_limit(ECHO_LIMIT_S);
    bench_raise_file_limit();
    int listener = echo_listen();
    int poller = echo_poller(listener, (epoll_data_t){ .ptr = NULL });
    static struct epoll_event events[ECHO_EVENTS];

    for (;;) {
        int ready = echo_wait(poller, events);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                accept_all(poller, listener);
            } else if (!serve_ready(connection)) {
                close(connection->fd);
                free(connection);
            }
        }
    }
}
