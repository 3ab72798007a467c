/* sendmmsg and recvmmsg: whole batches, MSG_WAITFORONE, and waiting until the batch is full. */
#include "net.h"

#define BATCH 8

static struct mmsghdr messages[2][BATCH];
static struct iovec parts[2][BATCH];
static char texts[2][BATCH][32];

static void make(int which)
{
    for (int i = 0; i < BATCH; i++) {
        parts[which][i] = (struct iovec){ texts[which][i], sizeof(texts[which][i]) };
        messages[which][i].msg_hdr =
            (struct msghdr){ .msg_iov = &parts[which][i], .msg_iovlen = 1 };
    }
}

static void *sends(void *arg)
{
    int fd = (int)(long)arg;
    usleep(2000);
    for (int i = 0; i < BATCH; i++)
        parts[0][i].iov_len = (size_t)snprintf(texts[0][i], 32, "message %d of %d", i, BATCH);
    CHECK_EQ(sendmmsg(fd, messages[0], BATCH / 2, 0), BATCH / 2);
    usleep(2000);
    CHECK_EQ(sendmmsg(fd, messages[0] + BATCH / 2, BATCH / 2, 0), BATCH / 2);
    return NULL;
}

static void print_received(int count)
{
    for (int i = 0; i < count; i++)
        printf("%.*s\n", (int)messages[1][i].msg_len, texts[1][i]);
}

int main(void)
{
    int ends[2];
    make(0);
    make(1);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    pthread_t sender = start(sends, (void *)(long)ends[0]);
    CHECK_EQ(recvmmsg(ends[1], messages[1], BATCH, 0, NULL), BATCH);
    print_received(BATCH);
    join(sender);
    CHECK_EQ(recvmmsg(ends[1], messages[1], BATCH, MSG_DONTWAIT, NULL), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(sendmmsg(ends[0], messages[0], 3, 0), 3);
    CHECK_EQ(recvmmsg(ends[1], messages[1], BATCH, MSG_WAITFORONE, NULL), 3);
    print_received(3);
    /* The time-out is looked at after each message only. */
    struct timespec none = { 0, 0 };
    CHECK_EQ(sendmmsg(ends[0], messages[0], 3, 0), 3);
    CHECK_EQ(recvmmsg(ends[1], messages[1], BATCH, 0, &none), 1);
    CHECK_EQ(recvmmsg(ends[1], messages[1], BATCH, MSG_DONTWAIT, NULL), 2);
    puts("done");
    return 0;
}
