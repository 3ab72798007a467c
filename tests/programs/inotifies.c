/* Threads that read inotify descriptors wait for what other threads do to files. */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define FILES 20

static void *makes(void *arg)
{
    char name[32];
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "watched/%d", i);
        int fd = open(name, O_WRONLY | O_CREAT, 0600);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, "x", 1), 1);
        close(fd);
        CHECK_EQ(unlink(name), 0);
        sleep_ms(i % 3);
    }
    return arg;
}

static void *counts(void *arg)
{
    char data[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    long made = 0, closed = 0, removed = 0;
    int fd = (int)(long)arg;
    while (removed < FILES) {
        ssize_t got = read(fd, data, sizeof(data));
        CHECK(got > 0);
        for (char *at = data; at < data + got;) {
            struct inotify_event *event = (struct inotify_event *)at;
            made += (event->mask & IN_CREATE) != 0;
            closed += (event->mask & IN_CLOSE_WRITE) != 0;
            removed += (event->mask & IN_DELETE) != 0;
            at += sizeof(*event) + event->len;
        }
    }
    CHECK_EQ(made, FILES);
    CHECK_EQ(closed, FILES);
    return (void *)removed;
}

int main(void)
{
    pthread_t readers[2];
    int fds[2];
    struct pollfd one;
    CHECK_EQ(mkdir("watched", 0700), 0);
    for (int i = 0; i < 2; i++) {
        fds[i] = inotify_init1(IN_CLOEXEC);
        CHECK(fds[i] >= 0);
        CHECK(inotify_add_watch(fds[i], "watched", IN_CREATE | IN_CLOSE_WRITE | IN_DELETE) >= 0);
        readers[i] = start(counts, (void *)(long)fds[i]);
    }
    join(start(makes, NULL));
    for (int i = 0; i < 2; i++)
        printf("%ld files came and went\n", (long)join(readers[i]));
    one = (struct pollfd){ .fd = fds[0], .events = POLLIN };
    CHECK_EQ(poll(&one, 1, 0), 0);
    close(fds[0]);
    close(fds[1]);
    CHECK_EQ(rmdir("watched"), 0);
    return 0;
}
