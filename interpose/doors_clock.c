/* Symbol doors of calls that libc answers by the vDSO, where no gate is: it can't tell one thread of
 * a carrier from another. What concerns no single thread goes on to it at once. */
#include "interpose/doors.h"

#include <linux/time.h>

#define NAMED(ret, name, ...)                                                                      \
    EXPORT ret door_##name(__VA_ARGS__) __asm__(#name);                                            \
    ret door_##name(__VA_ARGS__)

#define REAL_AS(name, ret, ...) ((ret(*)(__VA_ARGS__))REAL(name))

static NOINLINE int gettime_of_thread(int clock, struct __kernel_timespec *now)
{
    DOOR_BODY(PLAIN, int, __NR_clock_gettime, clock, op_clock_gettime(clock, now),
              REAL_AS(clock_gettime, int, int, struct __kernel_timespec *)(clock, now));
}

NAMED(int, clock_gettime, int clock, struct __kernel_timespec *now)
{
    if (unlikely(clock == CLOCK_THREAD_CPUTIME_ID || clock < 0))
        return gettime_of_thread(clock, now);
    return REAL_AS(clock_gettime, int, int, struct __kernel_timespec *)(clock, now);
}

static NOINLINE int getres_of_thread(int clock, struct __kernel_timespec *resolution)
{
    DOOR_BODY(PLAIN, int, __NR_clock_getres, clock, op_clock_getres(clock, resolution),
              REAL_AS(clock_getres, int, int, struct __kernel_timespec *)(clock, resolution));
}

NAMED(int, clock_getres, int clock, struct __kernel_timespec *resolution)
{
    if (unlikely(clock < 0))
        return getres_of_thread(clock, resolution);
    return REAL_AS(clock_getres, int, int, struct __kernel_timespec *)(clock, resolution);
}

static bool has_affinity(void)
{
    return runtime.mode == MODE_ACTIVE && runtime.affinity_pool.object_bytes;
}

static NOINLINE int cpu_of_thread(unsigned *cpu, unsigned *node)
{
    DOOR_BODY(PLAIN, int, __NR_getcpu, cpu, op_getcpu(cpu, node, NULL),
              REAL_AS(getcpu, int, unsigned *, unsigned *)(cpu, node));
}

NAMED(int, getcpu, unsigned *cpu, unsigned *node)
{
    if (unlikely(has_affinity()))
        return cpu_of_thread(cpu, node);
    return REAL_AS(getcpu, int, unsigned *, unsigned *)(cpu, node);
}

NAMED(int, sched_getcpu, void)
{
    unsigned cpu = 0;
    if (unlikely(has_affinity()))
        return cpu_of_thread(&cpu, NULL) == 0 ? (int)cpu : -1;
    return REAL_AS(sched_getcpu, int, void)();
}
