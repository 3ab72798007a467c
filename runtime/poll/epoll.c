/* The poll contract on epoll. One epoll instance per process, edge-triggered; timeouts to the
 * nanosecond by epoll_pwait2 (Linux 5.11), else rounded up to milliseconds. */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "runtime/clock.h"
#include "runtime/fd.h"
#include "runtime/files.h"
#include "runtime/poll/poll.h"
#include "runtime/runtime.h"
#include "runtime/sys.h"

/* No more than run before the next poll (SCHED_BUDGET): what a poll has touched is still in the cache
 * when its coroutine runs. 256 were 10 to 15 % slower with 1,000 busy connections. */
#define EVENTS_MAX    64
#define PREFETCH_FAR  16 /* events ahead */
#define PREFETCH_NEAR 8

static struct {
    int fd;
    bool no_pwait2;
    struct epoll_event events[EVENTS_MAX];
} set = { .fd = -1 };

static int epoll_open(int fd_floor)
{
    long fd = sys1(__NR_epoll_create1, EPOLL_CLOEXEC);
    if (fd < 0)
        return (int)fd;
    fd = fd_move_up(fd, fd_floor);
    set.fd = (int)fd;
    return 0;
}

static void epoll_close(void)
{
    if (set.fd >= 0)
        files_let_go(set.fd);
    set.fd = -1;
}

static int epoll_add(int fd, uint64_t tag)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
        .data = tag,
    };
    return (int)sys4(__NR_epoll_ctl, set.fd, EPOLL_CTL_ADD, fd, &event);
}

static void epoll_remove(int fd)
{
    struct epoll_event event = { 0 };
    sys4(__NR_epoll_ctl, set.fd, EPOLL_CTL_DEL, fd, &event);
}

static uint32_t from_epoll(uint32_t events)
{
    uint32_t result = 0;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
        result |= POLL_READ;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        result |= POLL_WRITE;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        result |= POLL_HANGUP;
    if (events & EPOLLPRI)
        result |= POLL_URGENT;
    return result;
}

static long wait_raw(uint64_t timeout_ns)
{
    if (!timeout_ns)
        return sys6(__NR_epoll_pwait, set.fd, set.events, EVENTS_MAX, 0, 0, 8);
    const volatile uint32_t *flag = &runtime.carrier.kthread.attention;
    if (!set.no_pwait2) {
        struct __kernel_timespec timeout = ns_timespec(timeout_ns);
        long n = sys_interruptible(flag, __NR_epoll_pwait2, set.fd, (long)set.events, EVENTS_MAX,
                                   timeout_ns == DEADLINE_NEVER ? 0 : (long)&timeout, 0, 8);
        if (n != -ENOSYS && n != -EPERM)
            return n;
        set.no_pwait2 = true;
    }
    uint64_t milliseconds = (timeout_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
    long bounded = timeout_ns == DEADLINE_NEVER   ? -1
                   : milliseconds > 1000UL * 1000 ? 1000L * 1000
                                                  : (long)milliseconds;
    return sys_interruptible(flag, __NR_epoll_pwait, set.fd, (long)set.events, EVENTS_MAX, bounded,
                             0, 8);
}

static void epoll_wait_events(uint64_t timeout_ns)
{
    long n = wait_raw(timeout_ns);
    for (long i = 0; i < n && i < PREFETCH_FAR; i++)
        poll_prefetch_entry(set.events[i].data);
    for (long i = 0; i < n && i < PREFETCH_NEAR; i++)
        poll_prefetch_waiter(set.events[i].data);
    for (long i = 0; i < n; i++) {
        if (i + PREFETCH_FAR < n)
            poll_prefetch_entry(set.events[i + PREFETCH_FAR].data);
        if (i + PREFETCH_NEAR < n)
            poll_prefetch_waiter(set.events[i + PREFETCH_NEAR].data);
        poll_event(set.events[i].data, from_epoll(set.events[i].events));
    }
}

static int epoll_fd(void)
{
    return set.fd;
}

const struct poll_backend poll_epoll = {
    .name = "epoll",
    .open = epoll_open,
    .close = epoll_close,
    .add = epoll_add,
    .remove = epoll_remove,
    .wait = epoll_wait_events,
    .fd = epoll_fd,
};
