/* A program that waits for input, or for a signal, is not deadlocked, nor is a thread that waits for a
 * condition variable necessarily: so the answer depends on the whole process. A ring of owners proves
 * that it must stand still; what a handler of a signal from outside might do (jump out of a wait) is then
 * left out of account. Without a ring (semaphores, conditions, read-write locks that readers hold: nobody
 * knows who would have to release them) such a handler might post or signal what is waited for, and
 * a program that has one is given the benefit of the doubt.
 *
 * An idle server's first threads wait for descriptors, so it costs nothing there. */
#include "runtime/deadlock.h"

#include <linux/fcntl.h>

#include "runtime/snapshot.h"

#define AT_A_TIME  256U
#define RING_MAX   1024U
#define STEPS_MAX  (1U << 22)
#define ITIMER_SET 32 /* bytes of struct itimerval */

static bool may_wait_for_ever(const struct co_info *info)
{
    return info->state == CO_PARKED && info->wait_left_ns == UINT64_MAX &&
           wait_is_for_threads(info->wait_kind);
}

/* Whom the thread waits for, if that is known and it waits for nobody else; under all_lock. */
static const struct co *waits_for(const struct co *co)
{
    struct co_info info;
    co_describe(co, 0, &info);
    bool owned = info.wait_kind == WAIT_MUTEX || info.wait_kind == WAIT_RWLOCK ||
                 info.wait_kind == WAIT_JOIN;
    return owned && may_wait_for_ever(&info) && info.wait_owner_tid ? co_by_tid(info.wait_owner_tid)
                                                                    : NULL;
}

/* The ring that @co is in, if any. */
static bool in_ring(const struct co *co, struct deadlock *found, uint32_t *steps)
{
    const struct co *next = co;
    *found = (struct deadlock){ .first_id = co->id };
    do {
        next = waits_for(next);
        if (!next || ++found->length > RING_MAX || ++*steps > STEPS_MAX)
            return false;
        if (next->id < found->first_id)
            found->first_id = next->id;
    } while (next != co);
    return true;
}

/* Looks at some threads beyond @after_id. False: one of them may go on by itself. */
static bool look_on(uint64_t *after_id, bool *end, bool *ring, struct deadlock *found,
                    uint32_t *steps)
{
    bool stuck = true;
    uint32_t count = 0;
    spin_lock(&runtime.all_lock);
    struct list *node = snapshot_after(*after_id);
    for (; node != &runtime.all && stuck && count < AT_A_TIME; node = node->next, count++) {
        struct co *co = container_of(node, struct co, all);
        struct co_info info;
        co_describe(co, 0, &info);
        stuck = may_wait_for_ever(&info);
        if (stuck && !*ring)
            *ring = in_ring(co, found, steps);
        *after_id = co->id;
        runtime.snapshot_hint = co;
    }
    *end = node == &runtime.all;
    spin_unlock(&runtime.all_lock);
    return stuck;
}

/* alarm, setitimer and timer_create: their signals have handlers that may do anything. */
static bool has_timers(void)
{
    uint64_t set[ITIMER_SET / sizeof(uint64_t)];
    char byte;
    for (int which = 0; which < 3; which++) {
        memset(set, 0, sizeof(set));
        if (sys2(__NR_getitimer, which, set) == 0 && (set[2] || set[3]))
            return true;
    }
    long fd = sys4(__NR_openat, AT_FDCWD, "/proc/self/timers", O_RDONLY | O_CLOEXEC, 0);
    long bytes = fd < 0 ? 0 : sys3(__NR_read, fd, &byte, 1);
    if (fd >= 0)
        sys1(__NR_close, fd);
    return bytes > 0;
}

enum standstill deadlock_find(struct deadlock *found)
{
    const struct carrier *carrier = &runtime.carrier;
    uint64_t after_id = 0, switches = carrier->switches;
    uint32_t steps = 0;
    bool end = false, ring = false;
    if (runtime.mode != MODE_ACTIVE || runtime.guests)
        return STANDSTILL_NONE;
    while (!end) {
        struct deadlock seen;
        bool had = ring;
        if (!look_on(&after_id, &end, &ring, &seen, &steps) || carrier->switches != switches)
            return STANDSTILL_NONE;
        if (ring && !had)
            *found = seen;
    }
    if ((!ring && runtime.has_handlers && runtime.has_handlers()) || runtime.inbox ||
        has_timers() || carrier->switches != switches)
        return STANDSTILL_NONE;
    return ring ? STANDSTILL_RING : STANDSTILL_UNPROVEN;
}
