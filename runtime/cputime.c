/* Sharing the carrier's CPU clock out among coroutines.
 *
 * The carrier's own clock is a system call; the monotonic one is not, but goes on while another
 * process has the processor. So a turn shorter than SETTLE_NS is charged what the monotonic clock
 * says, and a longer one, in which the kernel may have run somebody else, settles: it is charged
 * what the carrier's clock has gained since it was last read, less what was charged meanwhile. The sum
 * of all thereby stays the kernel's, and each is wrong by a few short turns at most. What the
 * carrier's loop uses is nobody's. */
#include "runtime/cputime.h"

#include "runtime/sys.h"

#define CLOCK_OF_THREAD 3 /* CLOCK_THREAD_CPUTIME_ID */
#define SETTLE_NS       (20 * NSEC_PER_USEC)

static uint64_t carrier_ns(void)
{
    struct __kernel_timespec now = { 0 };
    sys2(__NR_clock_gettime, CLOCK_OF_THREAD, &now);
    return timespec_ns(&now);
}

/* What the carrier's clock has gained and nobody was charged yet. */
static uint64_t settle(struct cpu_time *time)
{
    uint64_t now = carrier_ns(), gained = now - time->settled_ns;
    time->settled_ns = now;
    if (gained < time->charged_ns) {
        time->charged_ns -= gained;
        return 0;
    }
    gained -= time->charged_ns;
    time->charged_ns = 0;
    return gained;
}

void cputime_turn(struct co *next)
{
    struct cpu_time *time = &runtime.cpu_time;
    uint64_t now = clock_now(&runtime.clock), turn = now - time->turn_ns;
    struct co *co = time->runs;
    time->turn_ns = now;
    time->runs = next;
    if (!co) {
        settle(time);
    } else if (turn < SETTLE_NS) {
        co->cpu_ns += turn;
        time->charged_ns += turn;
    } else {
        co->cpu_ns += settle(time);
    }
    if (unlikely(next && next->timed))
        runtime.timed_turn_begins(next);
}

/* The samples of the past may say more than the kernel knows of: ticks count other processes too. */
static void begin(struct cpu_time *time)
{
    struct list *node, *after;
    uint64_t sampled = 0;
    time->counting = true;
    runtime.carrier.watch.cpu_time = true;
    time->settled_ns = carrier_ns();
    list_for_each (node, after, &runtime.all)
        sampled += container_of(node, struct co, all)->cpu_ns;
    list_for_each (node, after, &runtime.all) {
        struct co *co = container_of(node, struct co, all);
        if (sampled > time->settled_ns)
            co->cpu_ns = cputime_share(co->cpu_ns, time->settled_ns, sampled);
    }
    time->runs = this_co();
    time->turn_ns = clock_now(&runtime.clock);
}

uint64_t cputime_read(struct co *co)
{
    struct cpu_time *time = &runtime.cpu_time;
    if (!time->counting)
        begin(time);
    if (co == time->runs)
        co->cpu_ns += settle(time);
    return co->cpu_ns;
}

/* The stuck call's time is nobody's. */
void cputime_moved(void)
{
    struct cpu_time *time = &runtime.cpu_time;
    if (!time->counting)
        return;
    time->runs = NULL;
    time->charged_ns = 0;
    time->settled_ns = carrier_ns();
    time->turn_ns = clock_now(&runtime.clock);
}

void cputime_reset(struct co *first)
{
    runtime.cpu_time = (struct cpu_time){ .counting = false };
    runtime.carrier.watch.cpu_time = false;
    first->cpu_ns = carrier_ns();
}
