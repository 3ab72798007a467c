/* Blocking calls that nothing ends but CORO_TIMEOUT_*, for test_limits.py: prints a line per call
 * with its result, its errno and, where it matters, how long it took. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char data[4 << 20];

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define SHOW(call)                                                                                 \
    do {                                                                                           \
        long begin_ = now_ms();                                                                    \
        errno = 0;                                                                                 \
        long result_ = (long)(call);                                                               \
        int error_ = errno;                                                                        \
        printf("%s: %s %s %ld ms\n", #call,                                                        \
               result_ < 0 ? "-1"                                                                  \
               : result_   ? "some"                                                                \
                           : "0",                                                                    \
               result_ < 0 ? strerrorname_np(error_) : "", now_ms() - begin_);                     \
    } while (0)

static void set_timeout(int fd, int option, long ms)
{
    struct timeval time = { ms / 1000, ms % 1000 * 1000 };
    setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

static int listener(struct sockaddr_in *address, int backlog)
{
    socklen_t size = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *address =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    bind(fd, (struct sockaddr *)address, size);
    listen(fd, backlog);
    getsockname(fd, (struct sockaddr *)address, &size);
    return fd;
}

/* The accept queue of @address is full when a connection stays under way. */
static void fill(const struct sockaddr_in *address)
{
    for (int i = 0; i < 8; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fd, (const struct sockaddr *)address, sizeof(*address));
        struct pollfd one = { .fd = fd, .events = POLLOUT };
        if (poll(&one, 1, 100) == 0)
            return;
    }
}

static void reads(void)
{
    int tube[2], pair[2], event = eventfd(0, EFD_NONBLOCK);
    pipe(tube);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    SHOW(read(tube[0], data, 1));
    SHOW(recv(pair[0], data, 1, 0));
    set_timeout(pair[0], SO_RCVTIMEO, 50);
    SHOW(recv(pair[0], data, 2, 0));
    set_timeout(pair[0], SO_RCVTIMEO, 60000);
    SHOW(recv(pair[0], data, 3, 0));
    write(pair[1], "ab", 2);
    SHOW(recv(pair[0], data, 4, MSG_WAITALL));
    SHOW(write(tube[1], data, sizeof(data)));
    SHOW(write(tube[1], data, 1));
    SHOW(read(event, data, 8));
    fcntl(tube[0], F_SETFL, O_NONBLOCK);
    while (read(tube[0], data, sizeof(data)) > 0)
        continue;
    SHOW(read(tube[0], data, 5));
}

static void connections(void)
{
    struct sockaddr_in address;
    struct sockaddr_un local = { .sun_family = AF_UNIX, .sun_path = "limited.sock" };
    int server = listener(&address, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(accept(server, NULL, NULL));
    fill(&address);
    SHOW(connect(fd, (struct sockaddr *)&address, sizeof(address)));
    unlink(local.sun_path);
    server = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(server, (struct sockaddr *)&local, sizeof(local));
    listen(server, 0);
    connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&local, sizeof(local));
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(connect(fd, (struct sockaddr *)&local, sizeof(local)));
    unlink(local.sun_path);
}

static int trickle[2];

static void *slow_writer(void *unused)
{
    for (int i = 0; i < 6; i++) {
        usleep(100000);
        write(trickle[1], "x", 1);
    }
    return unused;
}

/* What comes every 100 ms is never late for a limit of 250 ms, unless the limit is the call's. */
static void slow_reads(void)
{
    pthread_t thread;
    socketpair(AF_UNIX, SOCK_STREAM, 0, trickle);
    pthread_create(&thread, NULL, slow_writer, NULL);
    long got = recv(trickle[0], data, 6, MSG_WAITALL);
    printf("trickle: %s\n", got == 6 ? "all" : "a part");
    pthread_join(thread, NULL);
}

static void on_alarm(int signal)
{
    (void)signal;
}

/* A call that a handler interrupts and SA_RESTART restarts has no more time for that. */
static void restarts(void)
{
    const struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
    const struct itimerval often = { { 0, 100000 }, { 0, 100000 } }, never = { 0 };
    int tube[2];
    pipe(tube);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    SHOW(read(tube[0], data, 7));
    setitimer(ITIMER_REAL, &never, NULL);
}

static void *run(void *unused)
{
    reads();
    connections();
    slow_reads();
    restarts();
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
    pthread_join(thread, NULL);
    return 0;
}
