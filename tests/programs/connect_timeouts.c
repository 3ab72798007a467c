/* connect on sockets with SO_SNDTIMEO: many at once succeed, one that nobody answers gives up with
 * EINPROGRESS, and one that is refused says so. */
#include "net.h"

#include <sys/time.h>

#define CLIENTS 40

static int port;

static int timed_socket(long ms)
{
    struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)), 0);
    return fd;
}

static void *connects(void *arg)
{
    struct sockaddr_in address = loopback(port);
    int fd = timed_socket(20000);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_EQ(write(fd, "x", 1), 1);
    close(fd);
    return arg;
}

/* A listener with a full queue drops what comes: sooner or later a connect must wait. */
static void *gives_up(void *arg)
{
    int full = bound_socket(SOCK_STREAM), fds[10], count = 0, failed = 0;
    struct sockaddr_in address = loopback(bound_port(full));
    CHECK_EQ(listen(full, 0), 0);
    while (!failed && count < COUNT(fds)) {
        fds[count] = timed_socket(100);
        int64_t before = now_ms();
        failed = connect(fds[count++], (struct sockaddr *)&address, sizeof(address)) != 0;
        CHECK(!failed || (errno == EINPROGRESS && now_ms() - before >= 90));
    }
    CHECK(failed);
    while (count)
        close(fds[--count]);
    close(full);
    return arg;
}

static void *is_refused(void *arg)
{
    int free_port_holder = bound_socket(SOCK_STREAM); /* bound, not listening */
    struct sockaddr_in address = loopback(bound_port(free_port_holder));
    int fd = timed_socket(20000);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
    CHECK_EQ(errno, ECONNREFUSED);
    close(fd);
    close(free_port_holder);
    return arg;
}

int main(void)
{
    pthread_t threads[CLIENTS], other[2];
    int server = listen_socket(), bytes = 0;
    port = bound_port(server);
    for (int i = 0; i < CLIENTS; i++)
        threads[i] = start(connects, NULL);
    other[0] = start(gives_up, NULL);
    other[1] = start(is_refused, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        char byte;
        int fd = accept(server, NULL, NULL);
        CHECK(fd >= 0);
        bytes += (int)read(fd, &byte, 1);
        close(fd);
    }
    for (int i = 0; i < CLIENTS; i++)
        join(threads[i]);
    join(other[0]);
    join(other[1]);
    printf("%d connected\n", bytes);
    return 0;
}
