/* An echo server with a time limit for idle clients, one thread per connection, and its clients: most
 * talk, one says nothing and is shown the door. */
#include <coro.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TALKERS = 50, ROUNDS = 20 };

static const double IDLE_SECONDS = 1;

static struct {
    int served, dropped;
    long bytes;
} figures;

static ssize_t read_some(int fd, char *buffer, size_t bytes)
{
    return read(fd, buffer, bytes);
}

static void serve(int fd)
{
    char buffer[512];
    ssize_t got;
    for (;;) {
        if (coro_with_timeout(IDLE_SECONDS, &got, read_some, "l(i,p,L)", fd, buffer,
                              sizeof(buffer))) {
            figures.dropped++;
            break;
        }
        if (got <= 0) {
            figures.served++;
            break;
        }
        figures.bytes += got;
        if (write(fd, buffer, (size_t)got) != got)
            break;
    }
    close(fd);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0)
        coro_detach(coro_spawn("connection", serve, "v(i)", fd));
}

static int open_listener(struct sockaddr_in *address)
{
    socklen_t length = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (fd < 0 || bind(fd, (struct sockaddr *)address, length) || listen(fd, TALKERS + 1) ||
        getsockname(fd, (struct sockaddr *)address, &length))
        exit(1);
    return fd;
}

static int dial(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? coro_fail(errno) : fd;
}

static int talk(const struct sockaddr_in *address, int number)
{
    char message[32], answer[32];
    int fd = dial(address), right = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int length = snprintf(message, sizeof(message), "%d says %d", number, round);
        if (write(fd, message, (size_t)length) == length &&
            recv(fd, answer, (size_t)length, MSG_WAITALL) == length)
            right += !memcmp(message, answer, (size_t)length);
    }
    close(fd);
    return right;
}

static int keep_silent(const struct sockaddr_in *address)
{
    char byte;
    return (int)read(dial(address), &byte, 1); /* 0: the server hung up */
}

int main(void)
{
    struct sockaddr_in address;
    struct coro_outcome outcomes[TALKERS];
    coro_id clients[TALKERS];
    int right = 0, answer = -1, listener = open_listener(&address);
    coro_id acceptor = coro_spawn(NULL, accept_all, "v(i)", listener);
    coro_id silent = coro_spawn(NULL, keep_silent, "i(p)", &address);

    for (int i = 0; i < TALKERS; i++)
        clients[i] = coro_spawn("talker", talk, "i(p,i)", &address, i);
    coro_join_all(clients, TALKERS, CORO_FOREVER, outcomes);
    for (int i = 0; i < TALKERS; i++)
        right += (int)outcomes[i].value.i;
    coro_join(silent, CORO_FOREVER, &answer);
    while (figures.served + figures.dropped <= TALKERS)
        coro_yield();
    coro_shutdown(acceptor);
    printf("%d right answers, %d served, %d dropped, read %d\n", right, figures.served,
           figures.dropped, answer);
    return 0;
}
