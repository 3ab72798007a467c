/* Hand-off.
 *
 * Around each call that may be taken away, its kernel thread publishes a serial number. Who has the
 * carrier afterwards is settled between it and the monitor as in Dekker's algorithm: each writes its
 * own word, then reads the other's. The call's side is two plain stores and a load; the barrier
 * between them is the monitor's, by membarrier(2).
 *
 *   the call                             the monitor
 *     call = serial                        verdict = PENDING
 *     (system call)                        membarrier: all threads of the process
 *     call = LEAVING                       call is still serial ? verdict = TAKEN : NONE
 *     verdict is NONE ? go on
 *
 * From TAKEN on the carrier belongs to the spare kernel thread that was sent for it. The stuck one
 * returns on the stack of the coroutine whose call it was. It may touch neither the runtime's state
 * nor, once it has posted the result, that stack: it saves the coroutine's context there as a switch
 * does, goes over to its own stack and posts from there.
 *
 * A coroutine in such a call stays CO_RUNNING: nothing but the result wakes it. */
#include "runtime/handoff.h"

#include <linux/membarrier.h>

#include "runtime/cputime.h"
#include "runtime/kthread.h"
#include "runtime/offload.h"
#include "runtime/sched.h"
#include "runtime/watch.h"

bool handoff_prepare(void)
{
    runtime.barriers_ours = sys3(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == -EPERM;
    return sys3(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

static void returned(struct remote *remote)
{
    struct offload_job *job = container_of(remote, struct offload_job, remote);
    job->co->job = NULL;
    co_set_state(job->co, CO_PARKED);
    sched_wake(job->co, 0);
}

static void join(void *own)
{
    offload_join(own);
}

struct departure {
    struct kthread *own;
    struct co *co;
};

/* From the coroutine's stack to the kernel thread's own. Returns when the result has come back: on
 * the carrier. */
static long depart(void *argument)
{
    struct departure *departure = argument;
    context_switch(&departure->co->sp, departure->own->sp);
    return 0;
}

/* The call is over, or was interrupted before it had an effect: then it goes on, unless it is its
 * own coroutine that must run a handler. */
static long finish(struct offload_job *job, long nr, const long a[6], long result)
{
    while ((result == -EINTR || result == -ERESTARTSYS) && !job->interrupted)
        result = sys_interruptible(&job->interrupted, nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result == -EINTR && job->interrupted ? -ERESTARTNOHAND : result;
}

static COLD long come_back(struct kthread *own, struct co *co, long nr, const long a[6],
                           long result)
{
    struct departure departure = { own, co };
    kthread_block_signals(); /* while `call` says what their handler may touch */
    own->carrier = NULL;
    barrier();
    own->verdict = VERDICT_NONE;
    own->call = CALL_NONE;
    result = finish(&own->handed, nr, a, result);
    own->handed.co = co;
    own->handed.remote.run = returned;
    own->job = &own->handed;
    if (!own->sp)
        own->sp = context_prepare((char *)own->stack + KTHREAD_STACK_BYTES, join, own);
    simd_call(co, depart, &departure);
    return result;
}

/* The monitor has looked at this call. True: it has given the carrier to another kernel thread. */
static COLD bool is_taken(const struct kthread *own)
{
    while (own->verdict == VERDICT_PENDING)
        __builtin_ia32_pause();
    return own->verdict == VERDICT_TAKEN;
}

long handoff_call(long nr, const long a[6])
{
    struct carrier *carrier = this_carrier();
    struct kthread *own = carrier->thread;
    struct co *co = carrier->current;
    own->handed.co = co; /* whose own are the signals that the call raises */
    own->call = carrier->calls++ + CALL_FIRST;
    barrier();
    long result =
        sys_interruptible(&carrier->kthread.attention, nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    barrier();
    own->call = CALL_LEAVING;
    barrier();
    if (unlikely(own->verdict != VERDICT_NONE) && is_taken(own))
        return come_back(own, co, nr, a, result);
    own->call = CALL_NONE;
    if (unlikely(result == -EINTR))
        return -ERESTARTNOHAND;
    return unlikely(result == -ERESTARTSYS) ? -ERESTARTNOINTR : result;
}

bool handoff_begin(struct carrier *carrier, uint64_t call)
{
    struct kthread *stuck = carrier->thread, *spare = offload_take_spare();
    if (!spare)
        return false;
    __atomic_store_n(&stuck->verdict, VERDICT_PENDING, __ATOMIC_SEQ_CST);
    bool taken =
        sys3(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0 && stuck->call == call;
    carrier->moving = taken;
    __atomic_store_n(&stuck->verdict, taken ? VERDICT_TAKEN : VERDICT_NONE, __ATOMIC_SEQ_CST);
    if (taken)
        offload_send_spare(spare);
    else
        offload_return_spare(spare);
    return taken;
}

/* What the stuck kernel thread left undone: the switch away from its coroutine. */
static void take_from(struct carrier *carrier, struct kthread *stuck)
{
    struct co *co = carrier->current;
    co_waits(co, (struct co_wait){ .kind = WAIT_OFFLOAD, .fd = -1 });
    stuck->handed.helper_tid = stuck->tid;
    co->job = &stuck->handed;
    if (unlikely(carrier->watch.trace))
        trace_park(carrier, co);
    watch_switch(carrier, NULL);
    carrier->current = NULL;
    carrier->budget = 0;
    carrier->switches++;
}

void handoff_adopt(struct kthread *own)
{
    struct carrier *carrier = &runtime.carrier;
    struct kthread *stuck = carrier->thread;
    own->carrier = carrier;
    carrier->thread = own;
    carrier->kernel_tid = own->tid;
    take_from(carrier, stuck);
    runtime_drain_inbox(); /* our own last call may have been handed off: its job is used anew */
    own->handed = (struct offload_job){ .done = false };
    cputime_moved();
    if (runtime.carrier_moved)
        runtime.carrier_moved();
    __atomic_store_n(&carrier->moving, false, __ATOMIC_SEQ_CST);
    context_switch(&own->sp, carrier->loop_sp);
}
