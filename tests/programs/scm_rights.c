/* Descriptors travel between threads through a socket and work at once, also for a blocked reader;
 * credentials travel too. */
#include "net.h"

#include <sys/uio.h>

#define PIPES 10

static void send_fd(int socket, int fd)
{
    char byte = 'f';
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.space,
                              .msg_controllen = sizeof(control.space) };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    CHECK_EQ(sendmsg(socket, &message, 0), 1);
}

static int receive_fd(int socket)
{
    char byte;
    int fd = -1;
    char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
    struct iovec part = { &byte, 1 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)
    };
    CHECK_EQ(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), 1);
    CHECK_EQ(message.msg_flags & MSG_CTRUNC, 0);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    CHECK(header && header->cmsg_type == SCM_RIGHTS);
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

static void *reads_what_it_gets(void *arg)
{
    int socket = (int)(long)arg;
    for (int i = 0; i < PIPES; i++) {
        char line[32] = "";
        int fd = receive_fd(socket);
        ssize_t got = read(fd, line, sizeof(line) - 1);
        CHECK(got > 0);
        printf("received: %s\n", line);
        CHECK_EQ(read(fd, line, 1), 0);
        close(fd);
        CHECK_EQ(write(socket, "a", 1), 1);
    }
    return NULL;
}

int main(void)
{
    int pair[2];
    char answer;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pthread_t thread = start(reads_what_it_gets, (void *)(long)pair[1]);
    for (int i = 0; i < PIPES; i++) {
        int ends[2];
        CHECK_EQ(pipe(ends), 0);
        send_fd(pair[0], ends[0]);
        close(ends[0]);
        usleep(500);
        dprintf(ends[1], "pipe %d", i);
        close(ends[1]);
        CHECK_EQ(read(pair[0], &answer, 1), 1);
    }
    join(thread);
    return 0;
}
