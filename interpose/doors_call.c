/* Symbol doors whose arguments differ from the system call's: each makes them the operation's. */
#include "interpose/doors.h"

#include <linux/time.h>
#include <stdarg.h>

void __chk_fail(void) __attribute__((noreturn));

#define NAMED(ret, name, ...)                                                                      \
    EXPORT ret door_##name(__VA_ARGS__) __asm__(#name);                                            \
    ret door_##name(__VA_ARGS__)

#define REAL_AS(name, ret, ...) ((ret(*)(__VA_ARGS__))REAL(name))

NAMED(ssize_t, recv, int fd, void *buffer, size_t bytes, int flags)
{
    DOOR_BODY(CANCEL, ssize_t, __NR_recvfrom, fd, op_recvfrom(fd, buffer, bytes, flags, NULL, NULL),
              REAL_AS(recv, ssize_t, int, void *, size_t, int)(fd, buffer, bytes, flags));
}

NAMED(ssize_t, send, int fd, const void *buffer, size_t bytes, int flags)
{
    DOOR_BODY(CANCEL, ssize_t, __NR_sendto, fd, op_sendto(fd, buffer, bytes, flags, NULL, 0),
              REAL_AS(send, ssize_t, int, const void *, size_t, int)(fd, buffer, bytes, flags));
}

NAMED(ssize_t, pread, int fd, void *buffer, size_t bytes, off_t offset)
{
    DOOR_BODY(CANCEL, ssize_t, __NR_pread64, fd, op_pread64(fd, buffer, bytes, offset),
              REAL_AS(pread, ssize_t, int, void *, size_t, off_t)(fd, buffer, bytes, offset));
}

NAMED(ssize_t, pwrite, int fd, const void *buffer, size_t bytes, off_t offset)
{
    DOOR_BODY(
        CANCEL, ssize_t, __NR_pwrite64, fd, op_pwrite64(fd, buffer, bytes, offset),
        REAL_AS(pwrite, ssize_t, int, const void *, size_t, off_t)(fd, buffer, bytes, offset));
}

#define POSITIONED(name, call)                                                                     \
    NAMED(ssize_t, name, int fd, const struct iovec *parts, int count, off_t offset)               \
    {                                                                                              \
        DOOR_BODY(CANCEL, ssize_t, __NR_##call, fd,                                                \
                  op_##call(fd, parts, count, (unsigned long)offset, 0),                           \
                  REAL_AS(name, ssize_t, int, const struct iovec *, int, off_t)(fd, parts, count,  \
                                                                                offset))           \
    }

/* clang-format off */
POSITIONED(preadv, preadv)
POSITIONED(preadv64, preadv)
POSITIONED(pwritev, pwritev)
POSITIONED(pwritev64, pwritev)
/* clang-format on */

/* _FORTIFY_SOURCE's variants know the size of the buffer. */

NAMED(ssize_t, __read_chk, int fd, void *buffer, size_t bytes, size_t room)
{
    if (bytes > room)
        __chk_fail();
    DOOR_BODY(CANCEL, ssize_t, __NR_read, fd, op_read(fd, buffer, bytes),
              REAL_AS(__read_chk, ssize_t, int, void *, size_t, size_t)(fd, buffer, bytes, room));
}

NAMED(ssize_t, __pread_chk, int fd, void *buffer, size_t bytes, off_t offset, size_t room)
{
    if (bytes > room)
        __chk_fail();
    DOOR_BODY(CANCEL, ssize_t, __NR_pread64, fd, op_pread64(fd, buffer, bytes, offset),
              REAL_AS(pread, ssize_t, int, void *, size_t, off_t)(fd, buffer, bytes, offset));
}

NAMED(ssize_t, __pread64_chk, int fd, void *buffer, size_t bytes, off_t offset, size_t room)
{
    return door___pread_chk(fd, buffer, bytes, offset, room);
}

NAMED(ssize_t, __recv_chk, int fd, void *buffer, size_t bytes, size_t room, int flags)
{
    if (bytes > room)
        __chk_fail();
    return door_recv(fd, buffer, bytes, flags);
}

NAMED(ssize_t, __recvfrom_chk, int fd, void *buffer, size_t bytes, size_t room, int flags,
      struct sockaddr *address, socklen_t *length)
{
    if (bytes > room)
        __chk_fail();
    DOOR_BODY(CANCEL, ssize_t, __NR_recvfrom, fd,
              op_recvfrom(fd, buffer, bytes, flags, address, length),
              REAL_AS(recvfrom, ssize_t, int, void *, size_t, int, struct sockaddr *,
                      socklen_t *)(fd, buffer, bytes, flags, address, length));
}

/* libc's ppoll and pselect leave the caller's timeout alone; the system calls don't. */

NAMED(int, ppoll, struct pollfd *fds, nfds_t count, const struct __kernel_timespec *timeout,
      const sigbits *mask)
{
    struct __kernel_timespec copy = timeout ? *timeout : (struct __kernel_timespec){ 0 };
    DOOR_BODY(CANCEL, int, __NR_ppoll, fds,
              op_ppoll(fds, count, timeout ? &copy : NULL, mask, sizeof(*mask)),
              REAL_AS(ppoll, int, struct pollfd *, nfds_t, const void *,
                      const void *)(fds, count, timeout, mask));
}

NAMED(int, __poll_chk, struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
    if (room / sizeof(*fds) < count)
        __chk_fail();
    DOOR_BODY(CANCEL, int, __NR_poll, fds, op_poll(fds, count, timeout),
              REAL_AS(poll, int, struct pollfd *, nfds_t, int)(fds, count, timeout));
}

NAMED(int, __ppoll_chk, struct pollfd *fds, nfds_t count, const struct __kernel_timespec *timeout,
      const sigbits *mask, size_t room)
{
    if (room / sizeof(*fds) < count)
        __chk_fail();
    return door_ppoll(fds, count, timeout, mask);
}

NAMED(int, pselect, int count, fd_set *readers, fd_set *writers, fd_set *exceptions,
      const struct __kernel_timespec *timeout, const sigbits *mask)
{
    struct __kernel_timespec copy = timeout ? *timeout : (struct __kernel_timespec){ 0 };
    struct {
        const sigbits *set;
        size_t bytes;
    } packed = { mask, sizeof(*mask) };
    DOOR_BODY(CANCEL, int, __NR_pselect6, count,
              op_pselect6(count, readers, writers, exceptions, timeout ? &copy : NULL, &packed),
              REAL_AS(pselect, int, int, fd_set *, fd_set *, fd_set *, const void *,
                      const void *)(count, readers, writers, exceptions, timeout, mask));
}

NAMED(int, epoll_pwait, int fd, struct epoll_event *events, int max, int timeout,
      const sigbits *mask)
{
    DOOR_BODY(CANCEL, int, __NR_epoll_pwait, fd,
              op_epoll_pwait(fd, events, max, timeout, mask, sizeof(*mask)),
              REAL_AS(epoll_pwait, int, int, void *, int, int, const void *)(fd, events, max,
                                                                             timeout, mask));
}

NAMED(int, epoll_pwait2, int fd, struct epoll_event *events, int max,
      const struct __kernel_timespec *timeout, const sigbits *mask)
{
    DOOR_BODY(CANCEL, int, __NR_epoll_pwait2, fd,
              op_epoll_pwait2(fd, events, max, timeout, mask, sizeof(*mask)),
              REAL_AS(epoll_pwait2, int, int, void *, int, const void *,
                      const void *)(fd, events, max, timeout, mask));
}

/* Returns an error number and leaves errno alone. */
NAMED(int, clock_nanosleep, int clock, int flags, const struct __kernel_timespec *time,
      struct __kernel_timespec *left)
{
    struct door door;
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        return EINVAL; /* POSIX; the kernel says otherwise */
    if (!door_enter(&door, CANCEL))
        return REAL_AS(clock_nanosleep, int, int, int, const void *, void *)(clock, flags, time,
                                                                             left);
    long result;
    do {
        door_trace(&door, __NR_clock_nanosleep, clock);
        result = op_clock_nanosleep(clock, flags, time, left);
    } while (door_leave(&door, &result));
    if (result == -EDOOR)
        result = door_left(door.co);
    if (result == -EDOOR)
        return REAL_AS(clock_nanosleep, int, int, int, const void *, void *)(clock, flags, time,
                                                                             left);
    return (int)-result;
}

/* The whole seconds left when a handler ended the sleep. */
NAMED(unsigned, sleep, unsigned seconds)
{
    struct __kernel_timespec time = { .tv_sec = seconds }, left = { 0 };
    struct door door;
    if (!door_enter(&door, CANCEL))
        return REAL_AS(sleep, unsigned, unsigned)(seconds);
    long result;
    do {
        door_trace(&door, __NR_nanosleep, 0);
        result = op_nanosleep((const void *)&time, (void *)&left);
    } while (door_leave(&door, &result));
    if (result == -EDOOR)
        result = door_left(door.co);
    if (result == -EDOOR)
        return REAL_AS(sleep, unsigned, unsigned)(seconds);
    if (result == 0)
        return 0;
    *__errno_location() = (int)-result;
    return (unsigned)left.tv_sec;
}

NAMED(int, usleep, unsigned microseconds)
{
    struct __kernel_timespec time = ns_timespec(microseconds * NSEC_PER_USEC);
    DOOR_BODY(CANCEL, int, __NR_nanosleep, 0, op_nanosleep((const void *)&time, NULL),
              REAL_AS(usleep, int, unsigned)(microseconds));
}

/* Commands that take no argument are passed a word of no meaning, as libc does. */
static unsigned long next_word(va_list arguments)
{
    return va_arg(arguments, unsigned long);
}

#define FCNTL(name, cancels)                                                                       \
    EXPORT int door_##name(int fd, int command, ...) __asm__(#name);                               \
    int door_##name(int fd, int command, ...)                                                      \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, command);                                                              \
        unsigned long word = next_word(arguments);                                                 \
        va_end(arguments);                                                                         \
        DOOR_BODY(cancels, int, __NR_fcntl, fd, op_fcntl(fd, command, word),                       \
                  ((int (*)(int, int, ...))REAL(name))(fd, command, word))                         \
    }

FCNTL(fcntl, CANCEL)
FCNTL(fcntl64, CANCEL)

NAMED(int, close_range, unsigned first, unsigned last, int flags)
{
    DOOR_BODY(PLAIN, int, __NR_close_range, first, op_close_range(first, last, (unsigned)flags),
              REAL_AS(close_range, int, unsigned, unsigned, int)(first, last, flags));
}

NAMED(int, eventfd, unsigned value, int flags)
{
    DOOR_BODY(PLAIN, int, __NR_eventfd2, value, op_eventfd2(value, flags),
              REAL_AS(eventfd, int, unsigned, int)(value, flags));
}

NAMED(pid_t, waitpid, pid_t pid, int *status, int options)
{
    DOOR_BODY(CANCEL, pid_t, __NR_wait4, pid, op_wait4(pid, status, options, NULL),
              REAL_AS(waitpid, pid_t, pid_t, int *, int)(pid, status, options));
}

NAMED(pid_t, wait, int *status)
{
    DOOR_BODY(CANCEL, pid_t, __NR_wait4, 0, op_wait4(-1, status, 0, NULL),
              REAL_AS(wait, pid_t, int *)(status));
}

NAMED(pid_t, wait3, int *status, int options, void *usage)
{
    DOOR_BODY(CANCEL, pid_t, __NR_wait4, 0, op_wait4(-1, status, options, usage),
              REAL_AS(wait3, pid_t, int *, int, void *)(status, options, usage));
}

NAMED(int, waitid, int type, pid_t id, void *info, int options)
{
    DOOR_BODY(CANCEL, int, __NR_waitid, type, op_waitid(type, id, info, options, NULL),
              REAL_AS(waitid, int, int, pid_t, void *, int)(type, id, info, options));
}
