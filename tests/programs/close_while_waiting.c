/* A descriptor is closed, and its number used again, while another thread waits in a call on it.
 * Linux lets the call go on with the old open file: it gets the old file's data, never the new
 * one's. */
#include "net.h"

#include <poll.h>
#include <sys/epoll.h>

struct wait {
    int fd;
    char got[8];
    ssize_t result;
};

static void *reads(void *arg)
{
    struct wait *wait = arg;
    wait->result = read(wait->fd, wait->got, sizeof(wait->got));
    return NULL;
}

static void *polls(void *arg)
{
    struct wait *wait = arg;
    struct pollfd poll_fd = { wait->fd, POLLIN, 0 };
    CHECK_EQ(poll(&poll_fd, 1, 30000), 1);
    wait->result = poll_fd.revents;
    return NULL;
}

static void *accepts(void *arg)
{
    struct wait *wait = arg;
    wait->result = accept(wait->fd, NULL, NULL);
    CHECK_EQ(read_full((int)wait->result, wait->got, 3), 3);
    return NULL;
}

static void *waits_epoll(void *arg)
{
    struct wait *wait = arg;
    struct epoll_event event = { .events = EPOLLIN };
    int epoll = epoll_create1(0);
    CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, wait->fd, &event), 0);
    wait->result = epoll_wait(epoll, &event, 1, 600);
    return NULL;
}

int main(void)
{
    struct wait waits[5] = { 0 };
    void *(*const runs[5])(void *) = { reads, reads, polls, waits_epoll, accepts };
    pthread_t threads[5];
    int ends[4][2], fresh[4][2];
    int server = listen_socket(), port = bound_port(server);
    for (int i = 0; i < 4; i++) {
        if (i == 1)
            CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
        else
            CHECK_EQ(pipe(ends[i]), 0);
        waits[i].fd = ends[i][0];
    }
    waits[4].fd = server;
    for (int i = 0; i < 5; i++)
        threads[i] = start(runs[i], &waits[i]);
    sleep_ms(300);

    for (int i = 0; i < 5; i++)
        if (i != 1)
            CHECK_EQ(close(waits[i].fd), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pipe(fresh[i]), 0);
        CHECK_EQ(write(fresh[i][1], "new", 3), 3);
        /* Over the socket without closing it first. */
        CHECK_EQ(dup2(fresh[i][0], waits[i].fd), waits[i].fd);
    }
    sleep_ms(50);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(write(ends[i][1], "old", 3), 3);
    int client = connect_to(port);
    CHECK_EQ(write(client, "old", 3), 3);
    for (int i = 0; i < 5; i++)
        join(threads[i]);
    printf("pipe: %zd %s\n", waits[0].result, waits[0].got);
    printf("socket: %zd %s\n", waits[1].result, waits[1].got);
    printf("poll: events %zd\n", waits[2].result);
    printf("epoll: %zd events, for the closed descriptor left the set\n", waits[3].result);
    printf("accept: %s\n", waits[4].got);
    return 0;
}
