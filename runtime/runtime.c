/* The runtime's life: start, coroutines' creation and end, the inbox, reset after a fork, and the
 * snapshot that observers take. */
#include "runtime/runtime.h"

#include "runtime/abi.h"
#include "runtime/files.h"
#include "runtime/cputime.h"
#include "runtime/fault.h"
#include "runtime/fd.h"
#include "runtime/futex.h"
#include "runtime/kthread.h"
#include "runtime/poll/poll.h"
#include "runtime/sched.h"
#include "runtime/stack.h"
#include "runtime/unstarted.h"
#include "shim/log.h"

struct runtime runtime = { .wake_fd = -1, .maps_fd = -1 };
const struct poll_backend *poll_set = &poll_epoll;

_Static_assert(offsetof(struct kthread, self) == KTHREAD_SELF, "layout.h");
_Static_assert(offsetof(struct kthread, carrier) == KTHREAD_CARRIER, "layout.h");

static uint32_t pick_tid_base(void)
{
    /* Robust and error-checking mutexes in shared memory compare tids of several processes, so
     * processes should differ in their first few: a multiplicative hash spreads them. */
    uint32_t mixed = (uint32_t)sys0(__NR_getpid) * 2654435761U;
    uint64_t places = TID_END - TID_LOWEST - TIDS_MAX;
    return TID_LOWEST + (uint32_t)(mixed * places >> 32);
}

static void co_register(struct co *co)
{
    co->id = ++runtime.next_id;
    co->since_ns = runtime.coarse_ns;
    list_init(&co->link);
    co->wait.fd = -1;
    spin_lock(&runtime.all_lock);
    list_push(&runtime.all, &co->all);
    spin_unlock(&runtime.all_lock);
    runtime.live++;
}

/* As late as possible a number comes again, but not so late that the table of all of them is touched
 * by few threads that come and go. */
static int take_tid(struct co *co)
{
    while (runtime.tid_window < TIDS_MAX && runtime.live >= runtime.tid_window / 2)
        runtime.tid_window = runtime.tid_window ? runtime.tid_window * 2 : TIDS_WINDOW;
    for (uint32_t tries = 0; tries < runtime.tid_window; tries++) {
        uint32_t slot = runtime.tid_next++ % runtime.tid_window;
        if (runtime.by_tid[slot])
            continue;
        runtime.by_tid[slot] = co;
        co->tid = runtime.tid_base + slot;
        return 0;
    }
    return -EAGAIN;
}

struct co *co_create(void)
{
    struct co *co = pool_get(&runtime.co_pool);
    if (!co)
        return NULL;
    if (take_tid(co) != 0) {
        pool_put(&runtime.co_pool, co);
        return NULL;
    }
    co->state = CO_NEW;
    co_register(co);
    return co;
}

void co_renumber(struct co *co, uint64_t id)
{
    struct list *place = co->all.next;
    if (co->id == runtime.next_id)
        runtime.next_id--;
    spin_lock(&runtime.all_lock);
    list_remove(&co->all);
    while (place->prev != &runtime.all && container_of(place->prev, struct co, all)->id > id)
        place = place->prev;
    co->id = id;
    list_push(place, &co->all);
    spin_unlock(&runtime.all_lock);
}

void co_free(struct co *co)
{
    spin_lock(&runtime.all_lock);
    if (runtime.snapshot_hint == co)
        runtime.snapshot_hint = NULL;
    list_remove(&co->all);
    spin_unlock(&runtime.all_lock);
    if (co->tid - runtime.tid_base < TIDS_MAX)
        runtime.by_tid[co->tid - runtime.tid_base] = NULL;
    if (runtime.main == co)
        runtime.main = NULL;
    co->state = CO_FREE;
    runtime.live--;
    pool_put(&runtime.co_pool, co);
}

struct co *co_by_tid(uint32_t tid)
{
    if (runtime.main && runtime.main->tid == tid)
        return runtime.main;
    if (!runtime.by_tid || tid - runtime.tid_base >= TIDS_MAX)
        return NULL;
    return runtime.by_tid[tid - runtime.tid_base];
}

static int open_wake_fd(void)
{
    long fd = sys2(__NR_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return (int)fd;
    fd = fd_move_up(fd, fd_floor());
    runtime.wake_fd = (int)fd;
    return poll_set->add(runtime.wake_fd, (uint32_t)runtime.wake_fd);
}

static int open_parts(struct carrier *carrier)
{
    int error;
    if (!runtime.by_tid)
        runtime.by_tid = pages_map(TIDS_MAX * sizeof(*runtime.by_tid));
    if (!runtime.by_tid)
        return -ENOMEM;
    if ((error = fd_table_init()) || (error = futex_init()) || (error = sched_init(carrier)))
        return error;
    if ((error = poll_set->open(fd_floor())))
        return error;
    error = open_wake_fd();
    if (error && error != -EPERM) {
        poll_set->close();
        return error;
    }
    return 0;
}

static uint64_t thread_for_log(void)
{
    const struct carrier *carrier = this_carrier();
    const struct co *co = carrier && !carrier->guest ? carrier->current : NULL;
    return co ? co->id : 0;
}

int runtime_start(int kernel_tid)
{
    struct carrier *carrier = &runtime.carrier;
    int error = open_parts(carrier);
    if (error)
        return error;
    if ((error = kthread_init_first(&runtime.first, kernel_tid)))
        return error;
    if (!runtime.co_pool.object_bytes)
        pool_init(&runtime.co_pool, sizeof(struct co));
    list_init(&runtime.all);
    list_init(&runtime.unstarted);
    runtime.inbox = NULL;
    runtime.inbox_last = &runtime.inbox;
    runtime.tid_base = pick_tid_base();
    runtime.next_id = 0;
    runtime.live = 0;
    runtime.pi_waiters = 0;
    runtime.watches_deaths = false;
    struct co *main_co = pool_get(&runtime.co_pool);
    if (!main_co)
        return -ENOMEM;
    runtime.first.carrier = carrier;
    carrier->thread = &runtime.first;
    carrier->moving = false;
    carrier->kthread.in_runtime = 1;
    carrier->kthread.attention = 0;
    carrier->kernel_tid = kernel_tid;
    main_co->tid = (uint32_t)kernel_tid;
    main_co->is_main = true;
    main_co->fs_base = fs_base_get(&runtime.cpu);
    runtime.coarse_ns = clock_now(&runtime.clock);
    co_register(main_co);
    co_set_state(main_co, CO_RUNNING);
    cputime_reset(main_co);
    latency_reset(carrier);
    runtime.main = main_co;
    carrier->current = main_co;
    gs_base_set(&runtime.cpu, (uint64_t)carrier->thread);
    log_thread = thread_for_log;
    runtime.mode = MODE_ACTIVE;
    return 0;
}

void runtime_reset(void)
{
    struct carrier *carrier = &runtime.carrier;
    struct list *node, *after;
    runtime.mode = MODE_DORMANT;
    fault_stop();
    list_for_each (node, after, &runtime.all) {
        struct co *co = container_of(node, struct co, all);
        if (co->tid - runtime.tid_base < TIDS_MAX)
            runtime.by_tid[co->tid - runtime.tid_base] = NULL;
        pool_put(&runtime.co_pool, co);
    }
    runtime.all_lock.taken = runtime.inbox_lock.taken = 0;
    runtime.snapshot_hint = NULL;
    unstarted_reset();
    runtime.main = NULL;
    timer_clear(&carrier->timers);
    carrier->watch.any = 0;
    trace_reset(carrier);
    futex_reset();
    files_let_go(runtime.wake_fd);
    runtime.wake_fd = -1;
    if (runtime.maps_fd >= 0) /* the parent's */
        files_let_go(runtime.maps_fd);
    runtime.maps_fd = -1;
    poll_set->close();
    fd_table_reset();
    carrier->current = NULL;
    runtime.locks_fast |= runtime.vforks != 0;
    runtime.guests = runtime.vforks = 0;
    carrier->kthread.in_runtime = 0;
    carrier->kthread.attention = 0;
    log_thread = NULL;
    gs_base_set(&runtime.cpu, 0);
}

void runtime_post(struct remote *remote)
{
    remote->next = NULL;
    spin_lock(&runtime.inbox_lock);
    *runtime.inbox_last = remote;
    runtime.inbox_last = &remote->next;
    spin_unlock(&runtime.inbox_lock);
    runtime_call_attention(ATTENTION_REMOTE);
}

void runtime_call_attention(uint32_t what)
{
    struct carrier *carrier = &runtime.carrier;
    __atomic_fetch_or(&carrier->kthread.attention, what, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&carrier->idle, __ATOMIC_SEQ_CST)) {
        uint64_t one = 1;
        sys3(__NR_write, runtime.wake_fd, &one, sizeof(one));
    }
}

void runtime_drain_inbox(void)
{
    __atomic_fetch_and(&runtime.carrier.kthread.attention, ~ATTENTION_REMOTE, __ATOMIC_SEQ_CST);
    spin_lock(&runtime.inbox_lock);
    struct remote *remote = runtime.inbox;
    runtime.inbox = NULL;
    runtime.inbox_last = &runtime.inbox;
    spin_unlock(&runtime.inbox_lock);
    while (remote) {
        struct remote *next = remote->next;
        remote->run(remote);
        remote = next;
    }
}
