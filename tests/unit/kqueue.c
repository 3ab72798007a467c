/* kqueue on epoll, as much as runtime/poll/kqueue.c needs and its tests can tell: entries for reading and
 * writing that are edges (EV_CLEAR), the end of a stream, entries that go with their descriptor. Both
 * entries of a descriptor share a registration. Signals are not counted. */
#include <sys/event.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "runtime/base.h"

enum { DESCRIPTORS = 4096, EVENTS = 32 };

static struct entry {
    uint32_t events; /* EPOLLIN, EPOLLOUT: the entries that are there */
    void *udata[2];
} entries[DESCRIPTORS];

int kqueue(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

static bool is_there(int queue, int fd)
{
    struct epoll_event event = { .events = entries[fd].events | EPOLLRDHUP | EPOLLET,
                                 .data.fd = fd };
    return !epoll_ctl(queue, EPOLL_CTL_MOD, fd, &event);
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* As the kernels do, one end of a pipe has one entry only. */
static bool has_direction(int fd, uint32_t wanted)
{
    int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
    return wanted == EPOLLIN ? mode != O_WRONLY : mode != O_RDONLY;
}

static int apply(int queue, const struct kevent *change)
{
    int fd = (int)change->ident;
    uint32_t wanted = change->filter == EVFILT_READ ? EPOLLIN : EPOLLOUT;
    if (change->filter == EVFILT_SIGNAL)
        return 0;
    if (fd < 0 || fd >= DESCRIPTORS)
        return fail(EBADF);
    struct entry *entry = &entries[fd];
    if (entry->events && !is_there(queue, fd))
        entry->events = 0; /* the descriptor was closed, or the queue */
    if (!(change->flags & EV_ADD) && !(entry->events & wanted))
        return fail(ENOENT);
    if (change->flags & EV_ENABLE)
        return 0;
    if (change->flags & EV_ADD && !has_direction(fd, wanted))
        return fail(EINVAL);
    int how = entry->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    entry->events = change->flags & EV_ADD ? entry->events | wanted : entry->events & ~wanted;
    entry->udata[wanted == EPOLLOUT] = change->udata;
    struct epoll_event event = { .events = entry->events | EPOLLRDHUP | EPOLLET, .data.fd = fd };
    return epoll_ctl(queue, entry->events ? how : EPOLL_CTL_DEL, fd, &event);
}

static int tell(struct kevent *to, const struct epoll_event *from)
{
    int fd = from->data.fd, count = 0;
    const struct entry *entry = &entries[fd];
    bool hung = from->events & (EPOLLHUP | EPOLLERR), ended = hung || from->events & EPOLLRDHUP;
    if (entry->events & EPOLLIN && (from->events & EPOLLIN || ended))
        EV_SET(&to[count++], fd, EVFILT_READ, ended ? EV_EOF : 0, 0, 0, entry->udata[0]);
    if (entry->events & EPOLLOUT && (from->events & EPOLLOUT || hung))
        EV_SET(&to[count++], fd, EVFILT_WRITE, hung ? EV_EOF : 0, 0, 0, entry->udata[1]);
    return count;
}

int kevent(int queue, const struct kevent *changes, int change_count, struct kevent *events,
           int event_count, const struct timespec *timeout)
{
    struct epoll_event ready[EVENTS];
    for (int i = 0; i < change_count; i++) {
        if (apply(queue, &changes[i]))
            return -1;
    }
    if (event_count < 2)
        return 0;
    int count = epoll_pwait2(queue, ready, event_count / 2 < EVENTS ? event_count / 2 : EVENTS,
                             timeout, NULL);
    int told = 0;
    for (int i = 0; i < count; i++)
        told += tell(&events[told], &ready[i]);
    return count < 0 ? -1 : told;
}
