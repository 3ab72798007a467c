/* fanotify asks for leave to open files, and a thread of the same process answers by write and writev:
 * its descriptor is readable while there are questions, and never says that it is writable. */
#include "test.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define FILES 6

static int group;
static atomic_bool may_open;

static void answer(const struct fanotify_event_metadata *event, int number)
{
    struct fanotify_response response = { event->fd, may_open ? FAN_ALLOW : FAN_DENY };
    struct iovec part = { &response, sizeof(response) };
    CHECK_EQ(number % 2 ? writev(group, &part, 1) : write(group, &response, sizeof(response)),
             sizeof(response));
}

static void *answers(void *unused)
{
    char events[4096] __attribute__((aligned(8)));
    for (int number = 0; number < 2 * FILES;) {
        const struct fanotify_event_metadata *event = (const void *)events;
        long left = read(group, events, sizeof(events));
        CHECK(left > 0);
        for (; FAN_EVENT_OK(event, left); event = FAN_EVENT_NEXT(event, left)) {
            CHECK(event->mask & FAN_OPEN_PERM);
            answer(event, number++);
            CHECK_EQ(close(event->fd), 0);
        }
    }
    return unused;
}

static void *opens(void *unused)
{
    for (int i = 0; i < FILES; i++) {
        int fd = open("asked/file", O_RDONLY);
        if (may_open) {
            CHECK(fd >= 0);
            CHECK_EQ(close(fd), 0);
        } else {
            CHECK_EQ(fd, -1);
            CHECK_EQ(errno, EPERM);
        }
    }
    return unused;
}

int main(void)
{
    struct fanotify_response unasked = { -1, FAN_ALLOW };
    group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
    if (group < 0) {
        printf("no fanotify: %s\n", strerror(errno));
        return 77;
    }
    CHECK_EQ(mkdir("asked", 0700), 0);
    CHECK_EQ(close(open("asked/file", O_RDWR | O_CREAT, 0600)), 0);
    CHECK_EQ(
        fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM | FAN_EVENT_ON_CHILD, AT_FDCWD, "asked"),
        0);
    pthread_t answerer = start(answers, NULL);
    CHECK_EQ(write(group, &unasked, sizeof(unasked)), -1);
    CHECK_EQ(errno, EINVAL);
    for (int allow = 1; allow >= 0; allow--) {
        may_open = allow;
        join(start(opens, NULL));
        puts(allow ? "allowed" : "denied");
    }
    join(answerer);
    return 0;
}
