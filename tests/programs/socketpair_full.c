/* Stream socket pairs with both directions full at once: every send returns complete. */
#include "net.h"

#include <sys/uio.h>

#define TOTAL (2u << 20)

struct side {
    int fd;
    unsigned out, in;
    int how;
};

static void send_all(struct side *side, unsigned char *data)
{
    struct iovec parts[3] = { { data, 100 },
                              { data + 100, TOTAL / 2 },
                              { data + 100 + TOTAL / 2, TOTAL / 2 - 100 } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };
    switch (side->how) {
    case 0:
        CHECK_EQ(write(side->fd, data, TOTAL), TOTAL);
        break;
    case 1:
        CHECK_EQ(send(side->fd, data, TOTAL, 0), TOTAL);
        break;
    case 2:
        CHECK_EQ(writev(side->fd, parts, 3), TOTAL);
        break;
    default:
        CHECK_EQ(sendmsg(side->fd, &message, MSG_NOSIGNAL), TOTAL);
    }
}

static void *sends(void *arg)
{
    struct side *side = arg;
    unsigned char *data = malloc(TOTAL);
    CHECK(data);
    fill_pattern(side->out, data, TOTAL);
    send_all(side, data);
    free(data);
    CHECK_EQ(shutdown(side->fd, SHUT_WR), 0);
    return NULL;
}

static void *receives(void *arg)
{
    struct side *side = arg;
    unsigned char data[10000];
    size_t total = 0;
    ssize_t got;
    while ((got = recv(side->fd, data, sizeof(data) - total % 999, 0)) > 0) {
        check_pattern(side->in, data, (size_t)got, total);
        total += (size_t)got;
    }
    CHECK_EQ(got, 0);
    return (void *)total;
}

int main(void)
{
    struct side sides[8];
    pthread_t senders[8], receivers[8];
    for (int i = 0; i < 8; i += 2) {
        int ends[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        sides[i] = (struct side){ ends[0], (unsigned)i, (unsigned)i + 50, i / 2 };
        sides[i + 1] = (struct side){ ends[1], (unsigned)i + 50, (unsigned)i, i / 2 };
    }
    for (int i = 0; i < 8; i++)
        senders[i] = start(sends, &sides[i]);
    for (int i = 0; i < 8; i++)
        receivers[i] = start(receives, &sides[i]);
    for (int i = 0; i < 8; i++) {
        join(senders[i]);
        printf("side %d received %lu bytes\n", i, (unsigned long)join(receivers[i]));
    }
    return 0;
}
