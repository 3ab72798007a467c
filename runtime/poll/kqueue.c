/* The poll contract on kqueue, for the systems that have it; on Linux it is built for its tests alone.
 *
 * A descriptor has two entries in a kqueue, one for reading and one for writing, and so may bring two
 * events where epoll brings one: neighbours with the same tag are told as one. EV_CLEAR makes them edges.
 *
 * The attention flag may be set between the look at it and the sleep. The kick that follows the setting is
 * a signal, which the queue counts (EVFILT_SIGNAL) even when a handler takes it, so the sleep ends at once. */
#include <sys/event.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/poll/poll.h"
#include "runtime/kthread.h"
#include "runtime/runtime.h"

#define EVENTS_MAX 64
#define SECONDS_LIMIT                                                                              \
    (24 * 3600UL) /* some systems refuse long timeouts; the contract lets a wait end early */

static struct {
    int fd;
    struct kevent events[EVENTS_MAX];
} set = { .fd = -1 };

static int change(uintptr_t ident, short filter, unsigned short flags, uint64_t tag)
{
    struct kevent event;
    EV_SET(&event, ident, filter, flags, 0, 0, (void *)(uintptr_t)tag);
    return kevent(set.fd, &event, 1, NULL, 0, NULL) < 0 ? -errno : 0;
}

static int kqueue_open(int fd_floor)
{
    int low = kqueue();
    if (low < 0)
        return -errno;
    set.fd = fcntl(low, F_DUPFD_CLOEXEC, fd_floor);
    if (set.fd < 0)
        set.fd = low; /* no room up there, or no duplicates of a kqueue */
    else
        close(low);
    fcntl(set.fd, F_SETFD, FD_CLOEXEC);
    return change(KICK_SIGNAL, EVFILT_SIGNAL, EV_ADD | EV_CLEAR, 0);
}

static void kqueue_close(void)
{
    if (set.fd >= 0)
        close(set.fd);
    set.fd = -1;
}

static void kqueue_remove(int fd)
{
    if (fd < 0)
        return;
    change((uintptr_t)fd, EVFILT_READ, EV_DELETE, 0);
    change((uintptr_t)fd, EVFILT_WRITE, EV_DELETE, 0);
}

/* A kqueue takes files on disk too, and says of them how far the end is. */
static bool is_always_ready(int fd)
{
    struct stat status;
    return !fstat(fd, &status) && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
}

static int kqueue_add(int fd, uint64_t tag)
{
    uintptr_t ident = (uintptr_t)fd;
    if (fd < 0)
        return -EBADF;
    if (is_always_ready(fd))
        return -EPERM;
    /* Adding an entry that is there would change its tag. Enabling one that is not there fails. */
    if (!change(ident, EVFILT_READ, EV_ENABLE, tag) || !change(ident, EVFILT_WRITE, EV_ENABLE, tag))
        return -EEXIST;
    int reading = change(ident, EVFILT_READ, EV_ADD | EV_CLEAR, tag);
    int writing = change(ident, EVFILT_WRITE, EV_ADD | EV_CLEAR, tag);
    return reading && writing ? reading : 0; /* one end of a pipe refuses one of them */
}

static uint32_t from_kevent(const struct kevent *event)
{
    uint32_t result = event->filter == EVFILT_READ ? POLL_READ : POLL_WRITE;
    if (event->flags & EV_EOF)
        result |= POLL_HANGUP;
    return result;
}

static int wait_raw(uint64_t timeout_ns)
{
    struct timespec timeout = { 0 };
    if (timeout_ns && __atomic_load_n(&runtime.carrier.kthread.attention, __ATOMIC_SEQ_CST))
        return 0;
    timeout.tv_sec = (time_t)(timeout_ns / NSEC_PER_SEC);
    timeout.tv_nsec = (long)(timeout_ns % NSEC_PER_SEC);
    if (timeout_ns / NSEC_PER_SEC > SECONDS_LIMIT)
        timeout.tv_sec = SECONDS_LIMIT;
    bool endless = timeout_ns == DEADLINE_NEVER;
    return kevent(set.fd, NULL, 0, set.events, EVENTS_MAX, endless ? NULL : &timeout);
}

static void kqueue_wait(uint64_t timeout_ns)
{
    int count = wait_raw(timeout_ns);
    for (int i = 0; i < count; i++) {
        const struct kevent *event = &set.events[i];
        if (event->filter == EVFILT_SIGNAL)
            continue;
        uint32_t events = from_kevent(event);
        if (i + 1 < count && event[1].ident == event->ident && event[1].udata == event->udata)
            events |= from_kevent(&set.events[++i]);
        poll_event((uint64_t)(uintptr_t)event->udata, events);
    }
}

static int kqueue_fd(void)
{
    return set.fd;
}

const struct poll_backend poll_kqueue = {
    .name = "kqueue",
    .open = kqueue_open,
    .close = kqueue_close,
    .add = kqueue_add,
    .remove = kqueue_remove,
    .wait = kqueue_wait,
    .fd = kqueue_fd,
};
