/* Operations of the C API alone. */
#include "interpose/api.h"

#include <linux/futex.h>

#include "interpose/wait_loop.h"
#include "runtime/poll/poll.h"
#include "runtime/snapshot.h"

long op_api_park(uint32_t *word, const struct co_wait *wait, uint64_t deadline_ns)
{
    struct __kernel_timespec time = ns_timespec(deadline_ns);
    if (unlikely(runtime.guests)) /* they may have to be met in the kernel */
        return op_futex(word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0,
                        deadline_ns == DEADLINE_NEVER ? NULL : &time, NULL, FUTEX_ANY);
    co_waits(this_co(), *wait);
    return op_futex_park(word, 0, FUTEX_ANY, deadline_ns);
}

/* From the youngest on: a list of all threads has no other order. */
uint32_t op_api_tid(uint64_t id)
{
    const struct list *node = runtime.all.prev;
    while (node != &runtime.all && container_of(node, struct co, all)->id > id)
        node = node->prev;
    const struct co *co = container_of(node, struct co, all);
    return node != &runtime.all && co->id == id ? co->tid : 0;
}

long op_api_wake(uint32_t *word, bool first)
{
    if (!first || unlikely(runtime.guests))
        return op_futex(word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    struct co *co = futex_wake_next(word);
    if (co)
        sched_run_first(co);
    return co != NULL;
}

bool op_api_info(uint64_t id, struct co_info *info)
{
    const struct co *co = co_find(id);
    if (co)
        co_describe(co, clock_now(&runtime.clock), info);
    return co != NULL;
}

size_t op_api_ids(uint64_t after_id, uint64_t *ids, size_t max)
{
    size_t count = 0;
    struct list *node = snapshot_after(after_id);
    for (; node != &runtime.all && count < max; node = node->next) {
        const struct co *co = container_of(node, struct co, all);
        if (co->state != CO_DEAD)
            ids[count++] = co->id;
    }
    return count;
}

uint32_t op_api_selfishness(uint64_t id)
{
    const struct co *co = co_find(id);
    return co ? co->selfishness : 0;
}

long op_api_ready(int fd, bool for_write, uint64_t deadline_ns, enum wait_kind kind)
{
    struct fd_waiter *waiter = &this_co()->waiter;
    *waiter = (struct fd_waiter){ .fd = fd, .until_closed = true, .kind = (uint8_t)kind };
    if (fd_private(fd))
        return -EBADF;
    for (;;) {
        struct pollfd one = { .fd = fd, .events = for_write ? POLLOUT : POLLIN };
        long count = poll_now(&one, 1);
        if (count)
            return count < 0 ? count : one.revents & POLLNVAL ? -EBADF : one.revents;
        if (!deadline_ns)
            return -ETIMEDOUT;
        long error = op_fd_wait(waiter, for_write, deadline_ns);
        if (error)
            return error == -EPERM ? POLLIN | POLLOUT : error; /* always ready */
    }
}

long op_api_run_once(uint64_t *next_ns)
{
    sched_yield_polling();
    *next_ns = timer_next(&this_carrier()->timers);
    return this_carrier()->run_queue_length;
}

long op_api_loop_fd(int timer_fd)
{
    long fd = sys1(__NR_epoll_create1, EPOLL_CLOEXEC);
    int own = poll_set->fd();
    struct epoll_event set = { .events = EPOLLIN }, timer = set;
    if (fd < 0)
        return fd;
    long error = sys4(__NR_epoll_ctl, fd, EPOLL_CTL_ADD, own, &set);
    if (!error)
        error = sys4(__NR_epoll_ctl, fd, EPOLL_CTL_ADD, timer_fd, &timer);
    if (!error)
        return fd;
    sys1(__NR_close, fd);
    return error;
}

int op_api_set_priority(uint64_t id, unsigned priority)
{
    static const uint8_t favours[] = {
        0,
        FAVOUR_OWN,
        FAVOUR_OWN | FAVOUR_WOKEN_BY_THREAD,
        FAVOUR_OWN | FAVOUR_WOKEN_BY_EVENT,
        FAVOUR_OWN | FAVOUR_WOKEN_BY_THREAD | FAVOUR_WOKEN_BY_EVENT,
    };
    struct co *co = co_find(id);
    if (!co)
        return -ESRCH;
    co->favoured = favours[priority];
    return 0;
}

int op_api_set_selfishness(uint64_t id, uint32_t calls)
{
    struct co *co = co_find(id);
    if (!co)
        return -ESRCH;
    co->selfishness = calls;
    op_refill_pace(co);
    return 0;
}

/* From the monitor to the carrier, one at a time. */
static struct stall {
    struct remote remote;
    uint64_t id, held_ns;
    uint32_t *bell;
    bool posted, fresh;
} stall;

static void ring(struct remote *remote)
{
    (void)remote;
    stall.fresh = true;
    if (stall.bell) {
        __atomic_store_n(stall.bell, 1, __ATOMIC_SEQ_CST);
        futex_wake(stall.bell, 1, FUTEX_ANY);
    }
}

static void note_stall(uint64_t id, uint64_t held_ns)
{
    if (__atomic_exchange_n(&stall.posted, true, __ATOMIC_ACQUIRE))
        return;
    stall.id = id;
    stall.held_ns = held_ns;
    stall.remote.run = ring;
    runtime_post(&stall.remote);
}

void op_api_watch_stalls(uint32_t *bell)
{
    stall.bell = bell;
    runtime.stalled = bell ? note_stall : NULL;
}

bool op_api_take_stall(uint64_t *id, uint64_t *held_ns)
{
    if (!stall.fresh)
        return false;
    *id = stall.id;
    *held_ns = stall.held_ns;
    stall.fresh = false;
    __atomic_store_n(&stall.posted, false, __ATOMIC_RELEASE);
    return true;
}

void op_api_reset(void)
{
    stall = (struct stall){ 0 };
    runtime.stalled = NULL;
}
