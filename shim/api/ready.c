/* Readiness of one descriptor: a wait in our own poll set that ends when the descriptor is closed, or poll(2)
 * where threads are the kernel's. No header of libc's here, see park.c. */
#include "interpose/doors.h"

#include <linux/poll.h>

#include "interpose/api.h"
#include "runtime/clock.h"
#include "shim/api/park.h"
#include "shim/api/ready.h"

int ppoll(struct pollfd *fds, unsigned long count, const struct __kernel_timespec *timeout,
          const void *mask);

/* A cancellation point of libc's. */
static int by_libc(int fd, bool for_write, uint64_t deadline_ns, short *events)
{
    struct pollfd one = { .fd = fd, .events = for_write ? POLLOUT : POLLIN };
    int *where = __errno_location(), before = *where, count;
    do {
        uint64_t now = clock_now(&runtime.clock);
        struct __kernel_timespec left = ns_timespec(deadline_ns > now ? deadline_ns - now : 0);
        count = ppoll(&one, 1, deadline_ns == DEADLINE_NEVER ? NULL : &left, NULL);
    } while (count < 0 && *where == EINTR);
    int error = count < 0 ? *where : 0;
    *where = before;
    *events = one.revents;
    if (count == 0)
        return ETIMEDOUT;
    return one.revents & POLLNVAL ? EBADF : error;
}

int api_ready(int fd, bool for_write, uint64_t deadline_ns, enum wait_kind kind, short *events)
{
    for (;;) {
        struct door door;
        long result;
        if (!door_enter(&door, CANCEL))
            return by_libc(fd, for_write, deadline_ns, events);
        do
            result = op_api_ready(fd, for_write, deadline_ns, kind);
        while (door_leave(&door, &result));
        if (result > 0) {
            *events = (short)result;
            return 0;
        }
        if (result == -EDOOR && api_leave() == ETIMEDOUT)
            return ETIMEDOUT;
        if (result != -EDOOR && result != -EINTR)
            return (int)-result;
    }
}
