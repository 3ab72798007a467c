/* Time below the gate: the vDSO's clock_gettime, called without libc. */
#ifndef CORO_CLOCK_H
#define CORO_CLOCK_H

#include <linux/time_types.h>

#include "runtime/base.h"

struct clock {
    int (*gettime)(int clock, struct __kernel_timespec *out); /* NULL: system call */
};

/* Finds the vDSO through @vdso, AT_SYSINFO_EHDR's value (0: none). */
void clock_init(struct clock *clock, uintptr_t vdso);

/* CLOCK_MONOTONIC in nanoseconds. ~25 ns. Any kernel thread; async-signal-safe. */
uint64_t clock_now(const struct clock *clock);

/* Any clock that clock_gettime(2) knows; 0 when it knows it not. */
uint64_t clock_read(const struct clock *clock, int id);

/* An absolute time @at on clock @id (CLOCK_REALTIME, CLOCK_MONOTONIC, ...) as a CLOCK_MONOTONIC
 * deadline; a time in the past gives one that has passed. */
uint64_t clock_to_deadline(const struct clock *clock, int id, uint64_t at_ns);

/* @now + @delta, saturating at DEADLINE_NEVER. */
static inline uint64_t deadline_after(uint64_t now_ns, uint64_t delta_ns)
{
    return now_ns + delta_ns < now_ns ? DEADLINE_NEVER : now_ns + delta_ns;
}

/* False when @time is not normalised or is negative (the kernel answers EINVAL). */
static inline bool timespec_valid(const struct __kernel_timespec *time)
{
    return time->tv_sec >= 0 && (uint64_t)time->tv_nsec < NSEC_PER_SEC;
}

/* Nanoseconds, saturating (a program may ask for the end of time). */
static inline uint64_t timespec_ns(const struct __kernel_timespec *time)
{
    if ((uint64_t)time->tv_sec >= DEADLINE_NEVER / NSEC_PER_SEC - 1)
        return DEADLINE_NEVER;
    return (uint64_t)time->tv_sec * NSEC_PER_SEC + (uint64_t)time->tv_nsec;
}

static inline struct __kernel_timespec ns_timespec(uint64_t ns)
{
    return (struct __kernel_timespec){ .tv_sec = (long long)(ns / NSEC_PER_SEC),
                                       .tv_nsec = (long long)(ns % NSEC_PER_SEC) };
}

#endif
