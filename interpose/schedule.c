/* Scheduling attributes and clocks of single threads. The kernel's belong to kernel threads: a
 * coroutine's are kept here, checked as the kernel does, and reported back. A real-time priority
 * orders the run queue and the queues of futexes; the rest has no meaning among coroutines.
 * The main thread's niceness, I/O priority and ordinary policy are the carrier's too, and so the process's. */
#include "interpose/op.h"

#include <linux/capability.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/time.h>

#define RT_PRIORITY_MAX   99
#define DEADLINE_PRIORITY 100 /* above all that can be asked for */
#define NICE_MIN          (-20)
#define NICE_MAX          19
#define ONE_PROCESS       0 /* PRIO_PROCESS */
#define ONE_THREAD        1 /* IOPRIO_WHO_PROCESS */
#define RR_INTERVAL_NS    (100 * NSEC_PER_MSEC)
#define PER_THREAD        4 /* of a CPU clock's id: linux/posix-timers.h, in the kernel */
#define CLOCK_KIND        3
#define CLOCK_IS_FILE     3
#define CPU_POLL_NS       NSEC_PER_MSEC
#define ATTR_BYTES_FIRST  48 /* SCHED_ATTR_SIZE_VER0 */
#define CAPABILITY_V3_SET 2

static struct co *thread_of(int tid)
{
    return tid ? co_by_tid((uint32_t)tid) : this_co();
}

/* ---- affinity ---- */

/* Reduces @wanted to the processors that the process may run on, or returns -EINVAL. The kernel knows
 * them: where the carrier may not go to all of @wanted, being bound itself, it goes and comes back. */
static long allowed_affinity(uint64_t *wanted)
{
    uint64_t own[AFFINITY_BYTES / 8] = { 0 }, some = 0, beyond = 0;
    long bytes = sys3(__NR_sched_getaffinity, 0, sizeof(own), own);
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        some |= wanted[i], beyond |= wanted[i] & ~own[i];
    if (!beyond)
        return some ? 0 : -EINVAL;
    long error = sys3(__NR_sched_setaffinity, 0, AFFINITY_BYTES, wanted);
    if (error)
        return error;
    memset(wanted, 0, AFFINITY_BYTES);
    sys3(__NR_sched_getaffinity, 0, AFFINITY_BYTES, wanted);
    sys3(__NR_sched_setaffinity, 0, bytes, own);
    return 0;
}

/* One thread's wish must not bind all: it is checked as the kernel does, kept and reported back. */
static long keep_affinity(struct co *co, size_t size, const void *mask)
{
    uint64_t wanted[AFFINITY_BYTES / 8] = { 0 };
    size_t bytes = size < AFFINITY_BYTES ? size : AFFINITY_BYTES;
    if (user_copy(wanted, mask, bytes) != 0)
        return -EFAULT;
    long error = allowed_affinity(wanted);
    if (error)
        return error;
    if (!runtime.affinity_pool.object_bytes)
        pool_init(&runtime.affinity_pool, AFFINITY_BYTES);
    if (!co->affinity && !(co->affinity = pool_get(&runtime.affinity_pool)))
        return -ENOMEM;
    memcpy(co->affinity, wanted, AFFINITY_BYTES);
    return 0;
}

long op_sched_getaffinity(int tid, size_t size, void *mask)
{
    struct co *co = thread_of(tid);
    long bytes = sys3(__NR_sched_getaffinity, co ? 0 : tid, size, mask);
    if (co && co->affinity && bytes > 0 && user_copy(mask, co->affinity, (size_t)bytes) != 0)
        return -EFAULT;
    return bytes;
}

long op_sched_setaffinity(int tid, size_t size, const void *mask)
{
    struct co *co = thread_of(tid);
    if (!co || (co->is_main && runtime.live == 1))
        return sys3(__NR_sched_setaffinity, co ? 0 : tid, size, mask);
    return keep_affinity(co, size, mask);
}

/* A thread is on a processor of its set, as far as it can tell. */
long op_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    const struct co *co = this_co();
    unsigned now = 0;
    (void)unused;
    long result = sys3(__NR_getcpu, &now, node, NULL);
    if (result != 0 || !cpu)
        return result;
    if (co->affinity && !(co->affinity[now / 64] >> now % 64 & 1)) {
        for (now = 0; !co->affinity[now / 64];)
            now += 64;
        now += (unsigned)__builtin_ctzll(co->affinity[now / 64]);
    }
    return user_put(cpu, now);
}

/* ---- policy and priority ---- */

static bool is_realtime(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static unsigned reported_priority(const struct co *co)
{
    return co->rt_priority > RT_PRIORITY_MAX ? 0 : co->rt_priority;
}

static bool is_ordinary(int policy)
{
    return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

/* May the process have this real-time policy? The kernel knows: the carrier takes it and puts it
 * away again. Less of what a thread has already needs no permission. */
static long ask_kernel(const struct co *co, int policy, int priority)
{
    struct sched_attr before = { .size = sizeof(before) };
    if (co->policy.policy == policy && priority <= co->rt_priority)
        return 0;
    sys4(__NR_sched_getattr, 0, &before, sizeof(before), 0);
    long error = sys3(__NR_sched_setscheduler, 0, policy | SCHED_RESET_ON_FORK, &priority);
    if (!error)
        sys3(__NR_sched_setattr, 0, &before, 0);
    return error;
}

static long change_policy(struct co *co, int policy, int priority)
{
    bool reset = policy & SCHED_RESET_ON_FORK;
    policy &= ~SCHED_RESET_ON_FORK;
    if (!is_realtime(policy) && !is_ordinary(policy))
        return -EINVAL;
    if (is_realtime(policy) ? priority < 1 || priority > RT_PRIORITY_MAX : priority != 0)
        return -EINVAL;
    long error = 0;
    if (is_realtime(policy))
        error = ask_kernel(co, policy, priority);
    else if (co->is_main)
        error =
            sys3(__NR_sched_setscheduler, 0, policy | (reset ? SCHED_RESET_ON_FORK : 0), &priority);
    if (error)
        return error;
    co->policy.policy = (uint8_t)policy;
    co->policy.reset_on_fork = reset;
    co->rt_priority = (uint8_t)priority;
    return 0;
}

long op_sched_getscheduler(int tid)
{
    const struct co *co = thread_of(tid);
    if (!co)
        return sys1(__NR_sched_getscheduler, tid);
    return co->policy.policy | (co->policy.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}

long op_sched_setscheduler(int tid, int policy, const void *param)
{
    struct co *co = thread_of(tid);
    int priority;
    if (!co || !param || policy < 0)
        return sys3(__NR_sched_setscheduler, co ? 0 : tid, policy, param);
    if (user_get(priority, param) != 0)
        return -EFAULT;
    return change_policy(co, policy, priority);
}

long op_sched_getparam(int tid, void *param)
{
    const struct co *co = thread_of(tid);
    if (!co || !param)
        return sys2(__NR_sched_getparam, co ? 0 : tid, param);
    int priority = (int)reported_priority(co);
    return user_put(param, priority);
}

long op_sched_setparam(int tid, const void *param)
{
    struct co *co = thread_of(tid);
    int priority;
    if (!co || !param)
        return sys2(__NR_sched_setparam, co ? 0 : tid, param);
    if (user_get(priority, param) != 0)
        return -EFAULT;
    return change_policy(
        co, co->policy.policy | (co->policy.reset_on_fork ? SCHED_RESET_ON_FORK : 0), priority);
}

long op_sched_rr_get_interval(int tid, struct __kernel_timespec *interval)
{
    const struct co *co = thread_of(tid);
    if (!co || !co->rt_priority)
        return sys2(__NR_sched_rr_get_interval, co ? 0 : tid, interval);
    struct __kernel_timespec time = ns_timespec(co->policy.policy == SCHED_RR ? RR_INTERVAL_NS : 0);
    return user_put(interval, time);
}

long op_sched_getattr(int tid, void *attr, unsigned size, unsigned flags)
{
    const struct co *co = thread_of(tid);
    struct sched_attr now;
    long result = sys4(__NR_sched_getattr, co ? 0 : tid, attr, size, flags);
    if (result != 0 || !co)
        return result;
    if (user_copy(&now, attr, ATTR_BYTES_FIRST) != 0)
        return -EFAULT;
    now.sched_policy = co->policy.policy;
    now.sched_priority = reported_priority(co);
    bool deadline = co->policy.policy == SCHED_DEADLINE;
    now.sched_runtime = deadline ? co->policy.deadline[0] : 0;
    now.sched_deadline = deadline ? co->policy.deadline[1] : 0;
    now.sched_period = deadline ? co->policy.deadline[2] : 0;
    now.sched_nice = co->rt_priority ? 0 : co->policy.nice;
    now.sched_flags = co->policy.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
    return user_copy(attr, &now, ATTR_BYTES_FIRST) != 0 ? -EFAULT : 0;
}

/* The kernel says whether a deadline may be had; the carrier itself must not be throttled. */
static long set_deadline(struct co *co, const struct sched_attr *wanted)
{
    struct sched_attr before = { .size = sizeof(before) };
    sys4(__NR_sched_getattr, 0, &before, sizeof(before), 0);
    long error = sys3(__NR_sched_setattr, 0, wanted, 0);
    if (error)
        return error;
    sys3(__NR_sched_setattr, 0, &before, 0);
    co->policy.policy = SCHED_DEADLINE;
    co->policy.reset_on_fork = wanted->sched_flags & SCHED_FLAG_RESET_ON_FORK;
    co->policy.deadline[0] = wanted->sched_runtime;
    co->policy.deadline[1] = wanted->sched_deadline;
    co->policy.deadline[2] = wanted->sched_period ? wanted->sched_period : wanted->sched_deadline;
    co->rt_priority = DEADLINE_PRIORITY;
    return 0;
}

/* Utilisation is the carrier's. */
long op_sched_setattr(int tid, void *attr, unsigned flags)
{
    struct co *co = thread_of(tid);
    struct sched_attr wanted = { 0 };
    if (!co || !attr || flags || user_copy(&wanted, attr, ATTR_BYTES_FIRST) != 0 ||
        (wanted.size && wanted.size < ATTR_BYTES_FIRST) ||
        wanted.sched_flags & ~(uint64_t)SCHED_FLAG_RESET_ON_FORK)
        return sys3(__NR_sched_setattr, co ? 0 : tid, attr, flags);
    if (wanted.sched_policy == SCHED_DEADLINE) {
        wanted.size = ATTR_BYTES_FIRST;
        return set_deadline(co, &wanted);
    }
    int policy = (int)wanted.sched_policy;
    if (wanted.sched_flags & SCHED_FLAG_RESET_ON_FORK)
        policy |= SCHED_RESET_ON_FORK;
    long error = change_policy(co, policy, (int)wanted.sched_priority);
    if (!error && !co->rt_priority)
        error = op_setpriority(ONE_PROCESS, (int)co->tid, wanted.sched_nice);
    return error;
}

/* ---- niceness and I/O priority ---- */

static bool has_capability(unsigned bit)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[CAPABILITY_V3_SET] = { 0 };
    return sys2(__NR_capget, &header, sets) == 0 && sets[bit / 32].effective >> bit % 32 & 1;
}

static bool may_be_as_nice(int value)
{
    struct rlimit limit = { 0 };
    sys2(__NR_getrlimit, RLIMIT_NICE, &limit);
    return (unsigned long)(NICE_MAX + 1 - value) <= limit.rlim_cur || has_capability(CAP_SYS_NICE);
}

/* The system call answers 20 - niceness. */
long op_getpriority(int which, int who)
{
    const struct co *co = which == ONE_PROCESS ? thread_of(who) : NULL;
    return co ? NICE_MAX + 1 - co->policy.nice : sys2(__NR_getpriority, which, who);
}

long op_setpriority(int which, int who, int value)
{
    struct co *co = which == ONE_PROCESS ? thread_of(who) : NULL;
    if (!co)
        return sys3(__NR_setpriority, which, who, value);
    value = value < NICE_MIN ? NICE_MIN : value > NICE_MAX ? NICE_MAX : value;
    if (value < co->policy.nice && !may_be_as_nice(value))
        return -EACCES;
    if (co->is_main)
        sys3(__NR_setpriority, ONE_PROCESS, 0, value);
    co->policy.nice = (int8_t)value;
    return 0;
}

/* Whether it may be had, the kernel says of the carrier. */
long op_ioprio_set(int which, int who, int value)
{
    struct co *co = which == ONE_THREAD ? thread_of(who) : NULL;
    if (!co)
        return OP_PASS;
    long before = sys2(__NR_ioprio_get, ONE_THREAD, 0);
    long error = sys3(__NR_ioprio_set, ONE_THREAD, 0, value);
    if (error)
        return error;
    if (!co->is_main)
        sys3(__NR_ioprio_set, ONE_THREAD, 0, before);
    co->policy.io = (uint16_t)value;
    return 0;
}

long op_ioprio_get(int which, int who)
{
    const struct co *co = which == ONE_THREAD ? thread_of(who) : NULL;
    return co ? co->policy.io : OP_PASS;
}

/* ---- CPU clocks ---- */

/* The thread that a clock measures, if it is one of ours: clock_getcpuclockid(3) and
 * pthread_getcpuclockid(3) put the complement of the id above three bits. */
struct co *op_thread_of_clock(int clock)
{
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        return this_co();
    if (clock >= 0 || !(clock & PER_THREAD) || (clock & CLOCK_KIND) == CLOCK_IS_FILE)
        return NULL;
    return thread_of((int)(~(unsigned)clock >> 3));
}

long op_clock_gettime(int clock, struct __kernel_timespec *now)
{
    struct co *co = op_thread_of_clock(clock);
    if (!co)
        return OP_PASS;
    struct __kernel_timespec time = ns_timespec(cputime_read(co));
    return user_put(now, time);
}

long op_clock_getres(int clock, struct __kernel_timespec *resolution)
{
    return op_thread_of_clock(clock) ? sys2(__NR_clock_getres, CLOCK_THREAD_CPUTIME_ID, resolution)
                                     : OP_PASS;
}

long op_clock_settime(int clock, const struct __kernel_timespec *time)
{
    (void)time;
    return clock < 0 && op_thread_of_clock(clock) ? -EPERM : OP_PASS;
}

/* Another thread's clock can't run ahead of the real one: look again when it could be there. */
static long sleep_on_thread(struct co *co, uint64_t until_ns)
{
    uint32_t tid = co->tid;
    for (;;) {
        uint64_t used = cputime_read(co);
        if (used >= until_ns)
            return 0;
        uint64_t pause = until_ns - used > CPU_POLL_NS ? until_ns - used : CPU_POLL_NS;
        co_waits(this_co(), (struct co_wait){ .kind = WAIT_SLEEP, .fd = -1 });
        int result = op_park(deadline_after(clock_now(&runtime.clock), pause));
        if (result != -ETIMEDOUT)
            return result;
        if (co_by_tid(tid) != co)
            return -EINVAL;
    }
}

long op_sleep_on_thread(int clock, int flags, const struct __kernel_timespec *time,
                        struct __kernel_timespec *left)
{
    struct co *co = op_thread_of_clock(clock);
    struct __kernel_timespec wanted;
    if (!co || clock == CLOCK_THREAD_CPUTIME_ID)
        return -ENOSYS;
    if (user_get(wanted, time) != 0)
        return -EFAULT;
    if (!timespec_valid(&wanted) || co == this_co())
        return -EINVAL;
    uint64_t until = timespec_ns(&wanted);
    if (!(flags & TIMER_ABSTIME))
        until = deadline_after(cputime_read(co), until);
    long result = sleep_on_thread(co, until);
    if (result == -ERESTARTSYS && left && !(flags & TIMER_ABSTIME)) {
        uint64_t used = cputime_read(co);
        wanted = ns_timespec(until > used ? until - used : 0);
        if (user_put(left, wanted) != 0)
            return -EFAULT;
    }
    return result == -ERESTARTSYS ? -EINTR : result;
}

static void set_time(struct __kernel_old_timeval *time, uint64_t ns)
{
    time->tv_sec = (long)(ns / NSEC_PER_SEC);
    time->tv_usec = (long)(ns % NSEC_PER_SEC / NSEC_PER_USEC);
}

static uint64_t get_time(const struct __kernel_old_timeval *time)
{
    return (uint64_t)time->tv_sec * NSEC_PER_SEC + (uint64_t)time->tv_usec * NSEC_PER_USEC;
}

/* What the kernel counts for the carrier alone, faults for instance, is nobody's in particular: each
 * thread sees it all. Its CPU time is divided between user and system as the carrier's is. */
long op_getrusage(int who, struct rusage *usage)
{
    struct rusage now;
    struct co *co = this_co();
    if (who != RUSAGE_THREAD)
        return OP_PASS;
    long error = sys2(__NR_getrusage, RUSAGE_THREAD, &now);
    if (error)
        return error;
    uint64_t user = get_time(&now.ru_utime), both = user + get_time(&now.ru_stime);
    uint64_t mine = cputime_read(co);
    uint64_t in_user = both ? cputime_share(mine, user, both) : mine;
    set_time(&now.ru_utime, in_user);
    set_time(&now.ru_stime, mine - in_user);
    now.ru_nivcsw = (long)co->preemptions;
    now.ru_nvcsw = (long)(co->slices > co->preemptions ? co->slices - co->preemptions : 0);
    return user_put(usage, now);
}

/* ---- birth, fork, exec ---- */

void schedule_take_over(struct co *co)
{
    struct sched_attr now = { .size = sizeof(now) };
    long io = sys2(__NR_ioprio_get, ONE_THREAD, 0);
    co->policy.io = io > 0 ? (uint16_t)io : 0;
    if (sys4(__NR_sched_getattr, 0, &now, sizeof(now), 0) != 0)
        return;
    co->policy.policy = (uint8_t)now.sched_policy;
    co->policy.reset_on_fork = now.sched_flags & SCHED_FLAG_RESET_ON_FORK;
    co->policy.nice = (int8_t)(NICE_MAX + 1 - sys2(__NR_getpriority, ONE_PROCESS, 0));
    co->rt_priority = (uint8_t)now.sched_priority;
}

/* What a child has of @parent's; @priority: its real-time priority. With the flag, real-time policies and
 * favours end here (kernel/sched/core.c: sched_fork). */
static struct co_policy policy_of_child(const struct co *parent, uint8_t *priority)
{
    struct co_policy policy = parent->policy;
    *priority = parent->rt_priority;
    if (!policy.reset_on_fork)
        return policy;
    policy.reset_on_fork = false;
    if (*priority || policy.policy == SCHED_DEADLINE)
        policy = (struct co_policy){ .policy = SCHED_NORMAL, .io = policy.io };
    policy.nice = policy.nice > 0 ? policy.nice : 0;
    *priority = 0;
    return policy;
}

void schedule_inherit(struct co *co, const struct co *parent)
{
    co->policy = policy_of_child(parent, &co->rt_priority);
    if (parent->affinity)
        keep_affinity(co, AFFINITY_BYTES, parent->affinity);
}

static void hand_over(const struct co *co, const struct co_policy *policy, uint8_t priority)
{
    struct sched_attr now = { .size = sizeof(now) };
    sys4(__NR_sched_getattr, 0, &now, sizeof(now), 0);
    bool same = now.sched_policy == policy->policy && now.sched_priority == priority &&
                !(now.sched_flags & SCHED_FLAG_RESET_ON_FORK) == !policy->reset_on_fork;
    int parameter = priority, reset = policy->reset_on_fork ? SCHED_RESET_ON_FORK : 0;
    if (!same && policy->policy != SCHED_DEADLINE)
        sys3(__NR_sched_setscheduler, 0, policy->policy | reset, &parameter);
    if (NICE_MAX + 1 - sys2(__NR_getpriority, ONE_PROCESS, 0) != policy->nice)
        sys3(__NR_setpriority, ONE_PROCESS, 0, policy->nice);
    if (sys2(__NR_ioprio_get, ONE_THREAD, 0) != policy->io)
        sys3(__NR_ioprio_set, ONE_THREAD, 0, policy->io);
    if (co->affinity)
        sys3(__NR_sched_setaffinity, 0, AFFINITY_BYTES, co->affinity);
}

void schedule_hand_over(const struct co *co)
{
    hand_over(co, &co->policy, co->rt_priority);
}

void schedule_hand_to_child(const struct co *parent)
{
    uint8_t priority;
    struct co_policy policy = policy_of_child(parent, &priority);
    hand_over(parent, &policy, priority);
}
