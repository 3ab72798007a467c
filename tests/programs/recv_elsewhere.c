/* Receiving out of band, off the error queue, or a look says nothing about the stream: what came before it
 * is still there to be read, though no event will tell again. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/socket.h>

#define ROUNDS 50

static int listener, server;
static sem_t sent, wanted;

static void *sends(void *unused)
{
    (void)unused;
    server = accept(listener, NULL, NULL);
    CHECK(server >= 0);
    for (int i = 0; i < 2 * ROUNDS; i++) {
        CHECK_EQ(sem_wait(&wanted), 0);
        CHECK_EQ(send(server, i % 2 ? "two" : "one", 3, 0), 3);
        sem_post(&sent);
    }
    CHECK_EQ(sem_wait(&wanted), 0);
    CHECK_EQ(send(server, "end", 3, 0), 3);
    close(server);
    sem_post(&sent);
    return NULL;
}

static void await(int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    sem_post(&wanted);
    CHECK_EQ(poll(&one, 1, -1), 1);
    CHECK_EQ(sem_wait(&sent), 0);
}

static void elsewhere(int fd, int round)
{
    char byte;
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    switch (round % 4) {
    case 0:
        CHECK_EQ(recv(fd, &byte, 1, MSG_ERRQUEUE | MSG_DONTWAIT), -1);
        CHECK_EQ(errno, EAGAIN);
        break;
    case 1:
        CHECK_EQ(recv(fd, &byte, 1, MSG_OOB), -1);
        CHECK_EQ(errno, EINVAL);
        break;
    case 2:
        CHECK_EQ(recv(fd, &byte, 1, MSG_PEEK), 1);
        CHECK_EQ(byte, 't');
        break;
    default:
        CHECK_EQ(recvmsg(fd, &message, MSG_ERRQUEUE), -1);
        CHECK_EQ(errno, EAGAIN);
    }
}

int main(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    char text[16];
    sem_init(&sent, 0, 0);
    sem_init(&wanted, 0, 0);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_EQ(listen(listener, 1), 0);
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    pthread_t thread = start(sends, NULL);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    for (int i = 0; i < ROUNDS; i++) {
        sem_post(&wanted);
        CHECK_EQ(recv(fd, text, sizeof(text), 0), 3); /* less than asked for: it is empty */
        CHECK_EQ(sem_wait(&sent), 0);
        await(fd);
        elsewhere(fd, i);
        CHECK_EQ(recv(fd, text, 1, 0), 1);
        CHECK_EQ(text[0], 't');
        CHECK_EQ(read(fd, text, sizeof(text)), 2);
    }
    await(fd);
    CHECK_EQ(read(fd, text, sizeof(text)), 3);
    CHECK_EQ(read(fd, text, sizeof(text)), 0);
    join(thread);
    printf("%d rounds, nothing was overlooked\n", ROUNDS);
    return 0;
}
