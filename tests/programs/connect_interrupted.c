/* A signal in the middle of connect: with SA_RESTART the call goes on waiting, without it fails with
 * EINTR, and calling it again waits for the connection that is under way. */
#include "net.h"

#include <poll.h>
#include <signal.h>

#define CALLERS 2

static int port, handled[CALLERS], interrupted;

static void on_signal(int signal)
{
    __atomic_add_fetch(&handled[signal == SIGUSR2], 1, __ATOMIC_SEQ_CST);
}

static void *connects(void *arg)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int result = connect(fd, (struct sockaddr *)&address, sizeof(address));
    if (arg) {
        CHECK_EQ(result, -1);
        CHECK_EQ(errno, EINTR);
        __atomic_store_n(&interrupted, 1, __ATOMIC_SEQ_CST);
        do
            result = connect(fd, (struct sockaddr *)&address, sizeof(address));
        while (result < 0 && errno == EINTR);
    }
    CHECK_EQ(result, 0);
    CHECK_EQ(write(fd, "x", 1), 1);
    return (void *)(long)fd;
}

/* Connections until one stays under way: the server's queue is full. */
static void fill(void)
{
    struct sockaddr_in address = loopback(port);
    struct pollfd one = { .events = POLLOUT };
    do {
        one.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(one.fd, (struct sockaddr *)&address, sizeof(address));
    } while (poll(&one, 1, 200) == 1);
}

/* Signals @thread until its handler has run; and has surely met it in its call, if it is to. */
static void disturb(pthread_t thread, int signal, const int *done)
{
    while (!__atomic_load_n(done, __ATOMIC_SEQ_CST)) {
        sleep_ms(20);
        CHECK_EQ(pthread_kill(thread, signal), 0);
    }
}

int main(void)
{
    pthread_t threads[CALLERS];
    int server = bound_socket(SOCK_STREAM);
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    CHECK_EQ(listen(server, 0), 0);
    port = bound_port(server);
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags = 0;
    sigaction(SIGUSR2, &action, NULL);
    fill();
    for (long i = 0; i < CALLERS; i++)
        threads[i] = start(connects, (void *)i);
    disturb(threads[0], SIGUSR1, &handled[0]);
    disturb(threads[1], SIGUSR2, &interrupted);
    struct pollfd one = { .fd = server, .events = POLLIN };
    for (int served = 0; served < CALLERS;) { /* those of fill() send nothing */
        CHECK_EQ(poll(&one, 1, 20000), 1);
        int fd = accept(server, NULL, NULL);
        char byte;
        CHECK(fd >= 0);
        struct pollfd data = { .fd = fd, .events = POLLIN };
        if (poll(&data, 1, 100) == 1 && read(fd, &byte, 1) == 1)
            served++;
    }
    for (int i = 0; i < CALLERS; i++)
        close((int)(long)join(threads[i]));
    printf("restarted, and interrupted\n");
    return 0;
}
