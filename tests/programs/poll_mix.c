/* poll and ppoll beside other threads: which descriptors, which events, after which time. */
#include "net.h"

#include <poll.h>

static void *writes_later(void *arg)
{
    usleep(3000);
    CHECK_EQ(write((int)(long)arg, "x", 1), 1);
    return NULL;
}

static void *closes_later(void *arg)
{
    usleep(3000);
    close((int)(long)arg);
    return NULL;
}

static void *times_out(void *arg)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    struct pollfd waits[2] = { { ends[0], POLLIN, 7 }, { -1, POLLIN, 7 } };
    struct timespec span = { 0, 30500000 };
    int64_t begin = now_ms();
    CHECK_EQ(poll(waits, 2, 30), 0);
    CHECK(now_ms() - begin >= 29);
    CHECK(waits[0].revents == 0 && waits[1].revents == 0);
    begin = now_ms();
    CHECK_EQ(ppoll(waits, 2, &span, NULL), 0);
    CHECK(now_ms() - begin >= 30);
    CHECK_EQ(span.tv_nsec, 30500000);
    begin = now_ms();
    CHECK_EQ(poll(NULL, 0, 30), 0);
    CHECK(now_ms() - begin >= 29);
    CHECK_EQ(poll(waits, 2, 0), 0);
    close(ends[0]);
    close(ends[1]);
    return arg;
}

static void *sees_events(void *arg)
{
    int in[2], out[2], hangs[2];
    char byte;
    CHECK_EQ(pipe(in), 0);
    CHECK_EQ(pipe(out), 0);
    CHECK_EQ(pipe(hangs), 0);
    struct pollfd waits[4] = {
        { in[0], POLLIN, 0 }, { 0x7ffffff, POLLIN, 0 }, { hangs[0], 0, 0 }, { out[1], POLLIN, 0 }
    };
    CHECK_EQ(poll(waits, 4, -1), 1);
    CHECK_EQ(waits[1].revents, POLLNVAL);
    waits[1].fd = -1;

    pthread_t thread = start(writes_later, (void *)(long)in[1]);
    CHECK_EQ(poll(waits, 4, -1), 1);
    CHECK_EQ(waits[0].revents, POLLIN);
    join(thread);
    CHECK_EQ(read(in[0], &byte, 1), 1);

    thread = start(closes_later, (void *)(long)hangs[1]);
    CHECK_EQ(poll(waits, 4, 20000), 1);
    CHECK_EQ(waits[2].revents, POLLHUP);
    join(thread);
    waits[2].fd = -1;

    thread = start(closes_later, (void *)(long)out[0]);
    CHECK_EQ(poll(waits, 4, 20000), 1);
    CHECK_EQ(waits[3].revents, POLLERR);
    join(thread);
    close(in[0]);
    close(in[1]);
    close(hangs[0]);
    close(out[1]);
    return arg;
}

static void *shares(void *arg)
{
    struct pollfd wait = { (int)(long)arg, POLLIN, 0 };
    CHECK_EQ(poll(&wait, 1, 50000), 1);
    CHECK_EQ(wait.revents, POLLIN);
    return NULL;
}

int main(void)
{
    pthread_t threads[8], sharers[6];
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    for (int i = 0; i < COUNT(sharers); i++)
        sharers[i] = start(shares, (void *)(long)ends[0]);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(i % 2 ? sees_events : times_out, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("timed out and saw events");
    CHECK_EQ(write(ends[1], "x", 1), 1);
    for (int i = 0; i < COUNT(sharers); i++)
        join(sharers[i]);
    puts("all sharers of one descriptor woke");
    struct pollfd *volatile bad = (struct pollfd *)8;
    CHECK_EQ(poll(bad, 1, 0), -1);
    CHECK_EQ(errno, EFAULT);
    return 0;
}
