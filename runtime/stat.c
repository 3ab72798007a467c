/* Figures of the whole process. They are read while the carrier goes on, each by itself, so two of
 * them may be a moment apart. */
#include "runtime/stat.h"

#include "runtime/mem.h"
#include "runtime/monitor.h"
#include "runtime/offload.h"

/* The CPU clock of kernel thread @tid (linux/posix-timers.h: CPUCLOCK_PERTHREAD, CPUCLOCK_SCHED). */
static int cpu_clock(int tid)
{
    return (int)(~(unsigned)tid << 3 | 4 | 2);
}

void runtime_read_stat(struct runtime_stat *stat)
{
    const struct carrier *carrier = &runtime.carrier;
    struct __kernel_timespec cpu = { 0 };

    memset(stat, 0, sizeof(*stat));
    if (runtime.mode != MODE_ACTIVE)
        return;
    sys2(__NR_clock_gettime, cpu_clock(carrier->kernel_tid), &cpu);
    monitor_read_stat(stat);
    stat->threads = runtime.live;
    stat->threads_created = runtime.next_id;
    stat->runnable = carrier->run_queue_length;
    stat->switches = carrier->switches;
    stat->timers = carrier->timers.count;
    stat->helpers = offload_helpers();
    stat->carrier_cpu_ns = timespec_ns(&cpu);
    stat->io_calls = carrier->io_calls;
    stat->polls = carrier->polls;
    stat->poll_events = carrier->poll_events;
}
