/* Errands, below the gate: the queue, and the coroutine that works on it.
 *
 * That coroutine is none of libc's threads: it is made here, on a stack of ours, with a TLS block that
 * libc made at activation. So it can be had while any thread holds any lock of libc's, by whom it waits as
 * a thread does, and libc counts no thread too many. It takes no signals, is alive while there is
 * something to do, and there is one at a time, since there is one block.
 *
 * The monitor queues and looks, the carrier does the rest: `lock` guards the places. It is taken in
 * the runtime or on the monitor, so its holder is never preempted. */
#include "interpose/errand.h"

#include "interpose/activation.h"
#include "interpose/cancel.h"
#include "interpose/op.h"
#include "runtime/monitor.h"
#include "runtime/spin.h"
#include "runtime/snapshot.h"

#define PLACES      8
#define STACK_BYTES (256 * 1024UL)
#define NAME        "coro-errand"
#define CALLER_NAME "coro-call"

struct errands {
    struct spinlock lock;
    struct errand places[PLACES];
    uint64_t last_ticket;
    struct remote begin;
    bool posted; /* `begin` is on its way to the carrier */

    /* The carrier's alone. */
    bool working; /* the coroutine is alive */
    char *block, *stack;
    uint32_t tid_offset;
    void (*work)(void);
};

static struct errands errands;

static const struct co deaf = {
    .signals = { .mask = ~SIGBITS_UNBLOCKABLE, .kept = ~SIGBITS_UNBLOCKABLE },
};

static void begin(struct remote *remote);

void errand_prepare(void *block, uint32_t tid_offset, void (*work)(void))
{
    char *stack = errands.stack;
    memset(&errands, 0, sizeof(errands));
    errands.stack = stack;
    errands.block = tid_offset ? block : NULL;
    errands.tid_offset = tid_offset;
    errands.work = work;
    errands.begin.run = begin;
}

bool errand_possible(void)
{
    return errands.block;
}

/* A free place, or that of what was finished longest ago; a call that does not end keeps its own as
 * long as there are others. Under the lock. */
static struct errand *find_place(void)
{
    struct errand *found = NULL;
    for (uint32_t state = ERRAND_NONE; state <= ERRAND_DONE && !found; state++) {
        if (state == ERRAND_QUEUED || state == ERRAND_RUNNING)
            continue;
        for (size_t i = 0; i < PLACES; i++) {
            struct errand *place = &errands.places[i];
            if (place->info.state == state && (!found || place->info.ticket < found->info.ticket))
                found = place;
        }
    }
    for (size_t i = 0; i < PLACES && !found; i++) {
        if (errands.places[i].kind == ERRAND_CALL && errands.places[i].info.state == ERRAND_RUNNING)
            found = &errands.places[i];
    }
    return found;
}

/* Under the lock. */
static struct errand *find_ticket(uint64_t ticket)
{
    for (size_t i = 0; i < PLACES; i++) {
        if (errands.places[i].info.ticket == ticket && ticket)
            return &errands.places[i];
    }
    return NULL;
}

static int64_t queue(const struct errand *wanted)
{
    if (!errands.block || runtime.mode != MODE_ACTIVE)
        return -ENOSYS;
    spin_lock(&errands.lock);
    struct errand *place = find_place();
    bool post = place && !errands.posted;
    int64_t ticket = -EBUSY;
    if (place) {
        *place = *wanted;
        place->info.ticket = ++errands.last_ticket;
        place->info.state = ERRAND_QUEUED;
        errands.posted = true;
        ticket = (int64_t)place->info.ticket;
    }
    spin_unlock(&errands.lock);
    if (post)
        runtime_post(&errands.begin);
    if (post)
        monitor_kick(); /* whoever computes takes a turn in the loop */
    return ticket;
}

/* Its tid is where libc keeps it: then FS base is its pthread_t. */
static bool is_of_libc(const struct co *co)
{
    return co->fs_base && co->fs_base != (uintptr_t)errands.block &&
           *(const uint32_t *)(co->fs_base + errands.tid_offset) == co->tid;
}

int64_t errand_cancel(uint64_t id)
{
    static struct errand wanted; /* the monitor's stack is small */
    spin_lock(&runtime.all_lock);
    bool found = runtime.mode == MODE_ACTIVE && co_find(id);
    spin_unlock(&runtime.all_lock);
    if (!found)
        return -ESRCH;
    memset(&wanted, 0, sizeof(wanted));
    wanted.kind = ERRAND_CANCEL;
    wanted.target = id;
    return queue(&wanted);
}

int64_t errand_call(const struct call_info *call)
{
    static struct errand wanted;
    memset(&wanted, 0, sizeof(wanted));
    wanted.kind = ERRAND_CALL;
    wanted.call = *call;
    return queue(&wanted);
}

bool errand_look(uint64_t ticket, struct errand_info *info)
{
    spin_lock(&errands.lock);
    const struct errand *place = find_ticket(ticket);
    if (place)
        *info = place->info;
    spin_unlock(&errands.lock);
    return place;
}

bool errand_next(struct errand *errand)
{
    struct errand *first = NULL;
    spin_lock(&errands.lock);
    for (size_t i = 0; i < PLACES; i++) {
        struct errand *place = &errands.places[i];
        if (place->info.state == ERRAND_QUEUED &&
            (!first || place->info.ticket < first->info.ticket))
            first = place;
    }
    if (first) {
        first->info.state = ERRAND_RUNNING;
        *errand = *first;
    }
    spin_unlock(&errands.lock);
    return first;
}

uintptr_t errand_thread(uint64_t id)
{
    struct co *co = co_find(id);
    if (!co || !is_of_libc(co))
        return 0;
    co->cancelled = true;
    return co->fs_base;
}

void errand_wake_cancelled(uint64_t id)
{
    struct co *co = co_find(id);
    if (co)
        cancel_wake(co);
}

void errand_call_begins(uint64_t ticket)
{
    struct co *co = this_co();
    memcpy(co->name, CALLER_NAME, sizeof(CALLER_NAME));
    signal_set_mask(co, runtime.main ? runtime.main->signals.mask : 0);
    spin_lock(&errands.lock);
    struct errand *place = find_ticket(ticket);
    if (place)
        place->info.thread = co->id;
    spin_unlock(&errands.lock);
}

void errand_done(const struct errand_info *info)
{
    spin_lock(&errands.lock);
    struct errand *place = find_ticket(info->ticket);
    if (place && place->info.state == ERRAND_RUNNING) {
        uint64_t thread = place->info.thread;
        place->info = *info;
        place->info.thread = thread;
        place->info.state = ERRAND_DONE;
    }
    spin_unlock(&errands.lock);
}

/* On the carrier's own stack. What was queued while the coroutine ended finds another. */
static void bury(struct co *co)
{
    signal_forget_co(co);
    co_free(co);
    errands.working = false;
    spin_lock(&errands.lock);
    bool more = false;
    for (size_t i = 0; i < PLACES; i++)
        more = more || errands.places[i].info.state == ERRAND_QUEUED;
    spin_unlock(&errands.lock);
    if (more)
        begin(&errands.begin);
}

/* The coroutine's first and last steps. */
static void run(void *argument)
{
    (void)argument;
    long ignored = 0;
    while (op_finish(this_carrier(), this_co(), &ignored))
        ;
    errands.work();
    runtime_enter(this_carrier());
    if (runtime.live == 1)
        op_exit_group(runtime.exit_code);
    sched_exit(bury);
}

static void fail_all(void)
{
    struct errand errand;
    while (errand_next(&errand)) {
        errand.info.error = EAGAIN;
        errand_done(&errand.info);
    }
}

/* On the carrier. */
static void begin(struct remote *remote)
{
    (void)remote;
    __atomic_store_n(&errands.posted, false, __ATOMIC_SEQ_CST);
    if (errands.working)
        return;
    if (!errands.stack)
        errands.stack = pages_map(STACK_BYTES);
    struct co *co = errands.stack ? co_create() : NULL;
    if (!co) {
        fail_all();
        return;
    }
    errands.working = true;
    *(uint32_t *)(errands.block + errands.tid_offset) = co->tid;
    co->fs_base = (uintptr_t)errands.block;
    co->stack_base = (uintptr_t)errands.stack;
    co->stack_bytes = STACK_BYTES;
    co->sp = context_prepare(errands.stack + STACK_BYTES, run, NULL);
    memcpy(co->name, NAME, sizeof(NAME));
    signal_mask_inherit(co, &deaf);
    sched_start(co);
}
