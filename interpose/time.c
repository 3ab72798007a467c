/* Sleeping. A signal with a handler ends a sleep with EINTR and the time left. */
#include "interpose/op.h"

#include <linux/time.h>

static long sleep_until(uint64_t deadline, struct __kernel_timespec *left)
{
    struct co *co = this_co();
    co_waits(co, (struct co_wait){ .kind = WAIT_SLEEP, .fd = -1 });
    int result = op_park(deadline);
    if (result == -ETIMEDOUT)
        return 0;
    if (result == -ERESTARTSYS && left) {
        uint64_t now = clock_now(&runtime.clock);
        struct __kernel_timespec rest = ns_timespec(deadline > now ? deadline - now : 0);
        if (user_put(left, rest) != 0)
            return -EFAULT;
    }
    return result == -ERESTARTSYS ? -EINTR : result;
}

/* A sleep of no time lets others run, no more. */
static long sleep_for(const struct __kernel_timespec *time, struct __kernel_timespec *left)
{
    uint64_t deadline;
    int error = op_deadline(time, &deadline);
    if (error)
        return error;
    return sleep_until(deadline, left);
}

long op_nanosleep(const struct timespec *time, struct timespec *left)
{
    if (!time)
        return -EFAULT;
    return sleep_for((const void *)time, (void *)left);
}

long op_clock_nanosleep(int clock, int flags, const struct __kernel_timespec *time,
                        struct __kernel_timespec *left)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME &&
        clock != CLOCK_TAI) {
        long result = op_sleep_on_thread(clock, flags, time, left);
        if (result != -ENOSYS)
            return result;
        return op_offload(__NR_clock_nanosleep, clock, flags, (long)time, (long)left, 0, 0);
    }
    if (!time)
        return -EFAULT;
    if (!(flags & TIMER_ABSTIME))
        return sleep_for(time, left);
    struct __kernel_timespec until;
    if (user_copy(&until, time, sizeof(until)) != 0)
        return -EFAULT;
    if (!timespec_valid(&until))
        return -EINVAL;
    return sleep_until(clock_to_deadline(&runtime.clock, clock, timespec_ns(&until)), NULL);
}
