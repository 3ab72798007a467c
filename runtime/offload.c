/* Offloading: one queue of jobs, one lock, helpers that sleep on a futex word of the kernel's.
 *
 * A job lives on its coroutine's stack: the coroutine stays parked, uninterruptible, until the
 * helper has posted the result through the inbox. A signal does not end the park; it asks the
 * helper to give up, which ends the park by way of -EINTR. */
#include "runtime/offload.h"

#include <linux/futex.h>

#include "runtime/kthread.h"
#include "runtime/sched.h"

#define HELPERS_MAX 4096

struct helper {
    struct kthread kthread;
};

static struct {
    struct spinlock lock;
    struct offload_job *first, **last;
    uint32_t queued; /* a futex word of the kernel's: jobs waiting */
    uint32_t helpers, idle;
    struct pool helper_pool;
} offload;

static struct offload_job *take_job(void)
{
    spin_lock(&offload.lock);
    struct offload_job *job = offload.first;
    if (job) {
        offload.first = job->next;
        if (!offload.first)
            offload.last = &offload.first;
        offload.queued--;
        job->helper_tid = (int)sys0(__NR_gettid);
    } else {
        offload.idle++;
    }
    spin_unlock(&offload.lock);
    return job;
}

static void finished(struct remote *remote)
{
    struct offload_job *job = container_of(remote, struct offload_job, remote);
    job->done = true;
    sched_wake(job->co, 0);
}

static void helper_main(void *argument)
{
    (void)argument;
    for (;;) {
        struct offload_job *job = take_job();
        if (!job) {
            sys4(__NR_futex, &offload.queued, FUTEX_WAIT_PRIVATE, 0, NULL);
            spin_lock(&offload.lock);
            offload.idle--;
            spin_unlock(&offload.lock);
            continue;
        }
        const long *a = job->argument;
        do /* a kick for the last job may be late */
            job->result =
                sys_interruptible(&job->interrupted, job->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
        while (job->result == -EINTR && !job->interrupted);
        spin_lock(&offload.lock);
        job->helper_tid = 0; /* from here on nobody kicks us for this job */
        spin_unlock(&offload.lock);
        runtime_post(&job->remote);
    }
}

static bool start_helper(void)
{
    if (offload.helpers >= HELPERS_MAX)
        return false;
    if (!offload.helper_pool.object_bytes)
        pool_init(&offload.helper_pool, sizeof(struct helper));
    struct helper *helper = pool_get(&offload.helper_pool);
    if (!helper || kthread_start(&helper->kthread, "coro-helper", helper_main, helper) < 0)
        return false;
    offload.helpers++;
    return true;
}

static void queue_job(struct offload_job *job)
{
    spin_lock(&offload.lock);
    if (!offload.last)
        offload.last = &offload.first;
    job->next = NULL;
    *offload.last = job;
    offload.last = &job->next;
    offload.queued++;
    spin_unlock(&offload.lock);
}

long offload_call(long nr, const long argument[6])
{
    return offload_call_until(nr, argument, DEADLINE_NEVER);
}

long offload_call_until(long nr, const long argument[6], uint64_t deadline_ns)
{
    bool late = false;
    struct co *co = this_co();
    struct offload_job job = { .co = co, .nr = nr, .remote.run = finished };
    memcpy(job.argument, argument, sizeof(job.argument));
    if (offload.idle <= offload.queued && !start_helper() && !offload.helpers)
        return sys6(nr, argument[0], argument[1], argument[2], argument[3], argument[4],
                    argument[5]);
    queue_job(&job);
    sys3(__NR_futex, &offload.queued, FUTEX_WAKE_PRIVATE, 1);
    co->job = &job;
    while (!job.done) {
        co_waits(co, (struct co_wait){ .kind = WAIT_OFFLOAD, .fd = -1, .nr = (uint32_t)nr });
        if (sched_park(late ? DEADLINE_NEVER : deadline_ns) == -ETIMEDOUT && !job.done) {
            late = true;
            offload_interrupt(&job);
        }
    }
    co->job = NULL;
    if (late && job.result == -EINTR)
        return -ETIMEDOUT;
    return job.result == -EINTR && job.interrupted ? -ERESTARTSYS : job.result;
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

void offload_reset(void)
{
    offload.lock.taken = 0;
    offload.first = NULL;
    offload.last = &offload.first;
    offload.queued = offload.helpers = offload.idle = 0;
}

uint32_t offload_helpers(void)
{
    return offload.helpers;
}
