/* Offloading. A job is handed to an idle helper, or to a new one; the idle one used last comes
 * first, so that the others grow old and end.
 *
 * A job lives on its coroutine's stack: the coroutine stays parked, uninterruptible, until the
 * helper has posted the result through the inbox. A signal does not end the park; it asks the
 * helper to give up, which ends the park by way of the call's own answer to a signal.
 *
 * `lock` guards everything here. Jobs come from the carrier alone, so it alone starts helpers:
 * credentials, namespaces and the like are the program's, inherited. While a helper lives, it
 * shares the program's descriptor table, and each call on a descriptor costs a little more: that is
 * why idle ones end soon. */
#include "runtime/offload.h"

#include <linux/futex.h>
#include <linux/wait.h>

#include "runtime/handoff.h"
#include "runtime/kthread.h"
#include "runtime/probes.h"
#include "runtime/sched.h"

#define HELPERS_MAX   4096
#define BOUND_DEFAULT 16
#define IDLE_NS       (1 * NSEC_PER_SEC)

static struct {
    struct spinlock lock;
    struct list idle;                  /* the one used last first */
    struct offload_job *first, **last; /* finite jobs that wait for their turn */
    uint32_t bound, running;           /* finite jobs: at most, and now */
    uint32_t helpers, age;
    uint32_t coming;      /* spares that were started and are not idle yet */
    uint64_t patience_ns; /* no spare was to be had: none is tried for before */
    struct pool kthread_pool;
} offload = { .idle = { &offload.idle, &offload.idle },
              .last = &offload.first,
              .bound = BOUND_DEFAULT };

static void finished(struct remote *remote)
{
    struct offload_job *job = container_of(remote, struct offload_job, remote);
    job->done = true;
    if (unlikely(runtime.carrier.watch.trace))
        trace_offload_end(&runtime.carrier, job->co, job->nr, job->result);
    sched_wake(job->co, 0);
}

static void execute(struct offload_job *job)
{
    const long *a = job->argument;
    spin_lock(&offload.lock);
    job->helper_tid = this_kthread()->tid;
    spin_unlock(&offload.lock);
    if (unlikely(job->fn)) {
        job->result = job->fn(job);
        return;
    }
    do /* a kick for the last job may be late */
        job->result =
            sys_interruptible(&job->interrupted, job->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    while ((job->result == -EINTR || job->result == -ERESTARTSYS) && !job->interrupted);
}

/* The longest waiting finite job, when there is one: the caller has just ended another. */
static struct offload_job *take_queued(void)
{
    struct offload_job *job = offload.first;
    if (!job || offload.running >= offload.bound)
        return NULL;
    offload.first = job->next;
    if (!offload.first)
        offload.last = &offload.first;
    offload.running++;
    return job;
}

static void count_helper(void)
{
    spin_lock(&offload.lock);
    offload.helpers++;
    spin_unlock(&offload.lock);
}

static void become_idle(struct kthread *helper)
{
    helper->awake = 0;
    if (helper->age == offload.age)
        list_push_front(&offload.idle, &helper->link);
}

/* @helper is done with its job: gives it the next one, or makes it idle. It is idle before its
 * result is posted, so whom that wakes finds it. */
static void conclude(struct kthread *helper)
{
    struct offload_job *job = helper->job;
    spin_lock(&offload.lock);
    job->helper_tid = 0; /* from here on nobody kicks us for this job */
    if (job->finite)
        offload.running--;
    helper->job = take_queued();
    if (!helper->job)
        become_idle(helper);
    spin_unlock(&offload.lock);
    runtime_post(&job->remote);
}

/* @helper has been idle for long, or is of another age. False: it goes on. The process's first
 * kernel thread stays: it stands for the process in /proc. */
static bool retire(struct kthread *helper)
{
    spin_lock(&offload.lock);
    bool idle = !helper->awake && (helper != &runtime.first || helper->age != offload.age);
    if (idle) {
        list_remove(&helper->link);
        offload.helpers--;
    }
    spin_unlock(&offload.lock);
    return idle;
}

/* Waits for a job; false: none came for a while. */
static bool wait_for_job(struct kthread *helper)
{
    const struct __kernel_timespec patience = ns_timespec(IDLE_NS);
    while (!__atomic_load_n(&helper->awake, __ATOMIC_ACQUIRE)) {
        bool of_age = helper->age == __atomic_load_n(&offload.age, __ATOMIC_SEQ_CST);
        long error = of_age ? sys4(__NR_futex, &helper->awake, FUTEX_WAIT_PRIVATE, 0, &patience)
                            : -ETIMEDOUT;
        if (error == -ETIMEDOUT && retire(helper))
            return false;
    }
    return true;
}

static void release(struct kthread *kthread)
{
    spin_lock(&offload.lock);
    pool_put(&offload.kthread_pool, kthread);
    spin_unlock(&offload.lock);
}

/* For ever, with nothing of the program's: what hangs on this kernel thread lives on. */
static NO_ASAN void __attribute__((noreturn)) rest(const struct kthread *helper)
{
    if (helper != &runtime.first)
        kthread_split_files(NULL, 0);
    for (;;)
        sys0(__NR_pause);
}

static NO_ASAN void __attribute__((noreturn)) serve(struct kthread *helper)
{
    for (;;) {
        if (helper->adopts) {
            helper->adopts = false;
            handoff_adopt(helper);
            count_helper();
            conclude(helper);
        } else if (helper->job) {
            execute(helper->job);
            conclude(helper);
        } else if (!wait_for_job(helper)) {
            break;
        }
    }
    if (helper->lasting)
        rest(helper);
    kthread_end(helper, release);
}

void offload_join(struct kthread *own)
{
    count_helper();
    conclude(own);
    serve(own);
}

static NO_ASAN void helper_main(void *argument)
{
    struct kthread *helper = argument;
    if (!helper->job) { /* a spare */
        spin_lock(&offload.lock);
        offload.coming--;
        become_idle(helper);
        spin_unlock(&offload.lock);
    }
    serve(helper);
}

static bool start_helper(struct offload_job *job)
{
    spin_lock(&offload.lock);
    if (!offload.kthread_pool.object_bytes)
        pool_init(&offload.kthread_pool, sizeof(struct kthread));
    struct kthread *helper = offload.helpers < HELPERS_MAX ? pool_get(&offload.kthread_pool) : NULL;
    offload.helpers += helper != NULL;
    spin_unlock(&offload.lock);
    if (!helper)
        return false;
    list_init(&helper->link);
    helper->job = job;
    helper->awake = 1;
    helper->age = offload.age;
    if (kthread_start(helper, "coro-helper", helper_main, helper) >= 0)
        return true;
    spin_lock(&offload.lock);
    offload.helpers--;
    pool_put(&offload.kthread_pool, helper);
    spin_unlock(&offload.lock);
    return false;
}

/* Gives @job to an idle helper. */
static bool hand_over(struct offload_job *job)
{
    spin_lock(&offload.lock);
    struct list *link = list_pop(&offload.idle);
    struct kthread *helper = link ? container_of(link, struct kthread, link) : NULL;
    if (helper) {
        helper->job = job;
        __atomic_store_n(&helper->awake, 1, __ATOMIC_RELEASE);
    }
    spin_unlock(&offload.lock);
    if (helper)
        sys3(__NR_futex, &helper->awake, FUTEX_WAKE_PRIVATE, 1);
    return helper != NULL;
}

void offload_want_spare(void)
{
    if (likely(!list_empty(&offload.idle) || offload.coming) ||
        runtime.coarse_ns < offload.patience_ns)
        return;
    spin_lock(&offload.lock);
    offload.coming++;
    spin_unlock(&offload.lock);
    if (start_helper(NULL))
        return;
    spin_lock(&offload.lock);
    offload.coming--;
    spin_unlock(&offload.lock);
    offload.patience_ns = runtime.coarse_ns + IDLE_NS;
}

struct kthread *offload_take_spare(void)
{
    spin_lock(&offload.lock);
    struct list *link = list_pop(&offload.idle);
    struct kthread *spare = link ? container_of(link, struct kthread, link) : NULL;
    if (spare)
        spare->awake = 1; /* not to retire meanwhile */
    spin_unlock(&offload.lock);
    return spare;
}

void offload_send_spare(struct kthread *spare)
{
    spin_lock(&offload.lock);
    spare->adopts = true;
    offload.helpers--;
    spin_unlock(&offload.lock);
    sys3(__NR_futex, &spare->awake, FUTEX_WAKE_PRIVATE, 1);
}

void offload_return_spare(struct kthread *spare)
{
    spin_lock(&offload.lock);
    become_idle(spare);
    spin_unlock(&offload.lock);
}

/* A finite job takes one of the places that run, or queues. True: it has queued. */
static bool take_place(struct offload_job *job)
{
    spin_lock(&offload.lock);
    bool queued = offload.running >= offload.bound;
    if (queued) {
        job->next = NULL;
        *offload.last = job;
        offload.last = &job->next;
    } else {
        offload.running++;
    }
    spin_unlock(&offload.lock);
    return queued;
}

static bool start_job(struct offload_job *job)
{
    if (job->finite && take_place(job))
        return true;
    if (hand_over(job) || start_helper(job))
        return true;
    spin_lock(&offload.lock);
    offload.running -= job->finite;
    spin_unlock(&offload.lock);
    return false;
}

/* No helper is to be had. The kick ends the call when others want to run or a handler is due; with
 * nothing to deliver the operation is restarted, and looks for a helper again. */
static long call_here(long nr, const long a[6])
{
    static const volatile uint32_t never;
    long result = sys_interruptible(&never, nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result == -EINTR ? -ERESTARTNOHAND : result;
}

/* For observers: that of a child by its id, in the manner of wait4, or by its pidfd. */
static struct co_wait wait_of(const struct offload_job *job)
{
    const long *a = job->argument;
    struct co_wait wait = { .kind = WAIT_CHILD, .fd = -1, .pid = (int)a[0] };
    if (job->nr != __NR_wait4 && job->nr != __NR_waitid)
        return (struct co_wait){ .kind = WAIT_OFFLOAD, .fd = -1, .nr = (uint32_t)job->nr };
    if (job->nr == __NR_waitid && a[0] == P_PIDFD) {
        wait.fd = (int)a[1];
        wait.pid = 0;
    } else if (job->nr == __NR_waitid) {
        wait.pid = a[0] == P_ALL ? -1 : a[0] == P_PGID ? -(int)a[1] : (int)a[1];
    }
    return wait;
}

static long run(struct offload_job *job, uint64_t deadline_ns)
{
    struct co *co = job->co;
    bool late = false;
    if (!start_job(job))
        return job->fn ? -EAGAIN : job->only_elsewhere ? -EBUSY : call_here(job->nr, job->argument);
    co->job = job;
    PROBE2(offload, co->id, job->nr);
    if (unlikely(runtime.carrier.watch.trace))
        trace_offload(&runtime.carrier, co, job->nr);
    while (!job->done) {
        co_waits(co, wait_of(job));
        if (sched_park(late ? DEADLINE_NEVER : deadline_ns) == -ETIMEDOUT && !job->done) {
            late = true;
            offload_interrupt(job);
        }
    }
    co->job = NULL;
    if (job->result != -ERESTARTSYS && (job->result != -EINTR || !job->interrupted))
        return job->result;
    if (late)
        return -ETIMEDOUT;
    return job->result == -EINTR ? -ERESTARTNOHAND : job->result;
}

long offload_call(long nr, const long argument[6])
{
    return offload_call_until(nr, argument, DEADLINE_NEVER);
}

long offload_call_until(long nr, const long argument[6], uint64_t deadline_ns)
{
    struct offload_job job = { .co = this_co(), .nr = nr, .remote.run = finished };
    memcpy(job.argument, argument, sizeof(job.argument));
    return run(&job, deadline_ns);
}

long offload_run(long (*fn)(struct offload_job *job), long argument)
{
    struct offload_job job = { .co = this_co(), .nr = -1, .fn = fn, .remote.run = finished };
    job.argument[0] = argument;
    return run(&job, DEADLINE_NEVER);
}

long offload_try(long nr, const long argument[6])
{
    struct offload_job job = {
        .co = this_co(), .nr = nr, .remote.run = finished, .only_elsewhere = true
    };
    memcpy(job.argument, argument, sizeof(job.argument));
    return run(&job, DEADLINE_NEVER);
}

long offload_finite(long nr, const long argument[6])
{
    struct offload_job job = { .co = this_co(), .nr = nr, .remote.run = finished, .finite = true };
    memcpy(job.argument, argument, sizeof(job.argument));
    return run(&job, DEADLINE_NEVER);
}

void offload_interrupt(struct offload_job *job)
{
    job->interrupted = 1;
    spin_lock(&offload.lock);
    int tid = job->helper_tid;
    if (tid)
        kthread_kick(tid);
    spin_unlock(&offload.lock);
}

void offload_set_bound(uint32_t helpers)
{
    offload.bound = helpers;
}

void offload_renew(void)
{
    struct list *link;
    spin_lock(&offload.lock);
    __atomic_fetch_add(&offload.age, 1, __ATOMIC_SEQ_CST);
    this_kthread()->age = offload.age;
    while ((link = list_pop(&offload.idle))) {
        struct kthread *helper = container_of(link, struct kthread, link);
        sys3(__NR_futex, &helper->awake, FUTEX_WAKE_PRIVATE, 1);
    }
    spin_unlock(&offload.lock);
}

void offload_reset(void)
{
    offload.lock.taken = 0;
    list_init(&offload.idle);
    offload.first = NULL;
    offload.last = &offload.first;
    offload.running = offload.helpers = offload.coming = offload.age = 0;
    offload.patience_ns = 0;
    offload.kthread_pool = (struct pool){ 0 };
}

uint32_t offload_helpers(void)
{
    return offload.helpers;
}
