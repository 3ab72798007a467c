/* What one thread looks like to observers, as far as its own record and the lock that it waits for tell. Runs
 * beside the carrier: fields may be a moment old. */
#include "runtime/co_info.h"
#include "runtime/snapshot.h"
#include "runtime/stack_info.h"

/* A mutex passes from thread to thread while others wait on: who holds it now? Beside its word glibc
 * keeps a count and the owner's tid (struct __pthread_mutex_s). A lock of another kind has no owner
 * there, and none was noted. */
static uint32_t present_owner(const struct co_wait *wait)
{
    uint32_t lock[3];
    if (!wait->tid || co_memory(lock, wait->addr, sizeof(lock)) != sizeof(lock))
        return wait->tid;
    return lock[2];
}

/* Of struct __pthread_rwlock_arch_t: the word's lowest bit is set while writers have the lock, or one is
 * about to get it, its upper ones count readers; the seventh word is the writer's tid. */
static void describe_rwlock(const struct co_wait *wait, struct co_info *out)
{
    uint32_t lock[7];
    if (co_memory(lock, wait->addr, sizeof(lock)) != sizeof(lock))
        return;
    out->wait_owner_tid = lock[6];
    out->wait_count = lock[0] & 1 ? 0 : lock[0] >> 3;
}

static void describe_wait(const struct co *co, uint64_t now, struct co_info *out)
{
    struct co_wait wait = co->wait;
    out->wait_kind = out->state == CO_PARKED ? wait.kind : (uint32_t)WAIT_NONE;
    out->wait_fd = -1;
    out->wait_nr = UINT32_MAX;
    out->wait_left_ns = UINT64_MAX;
    if (out->wait_kind == WAIT_NONE)
        return;
    if (wait.kind == WAIT_READ || wait.kind == WAIT_WRITE || wait.kind == WAIT_POLL ||
        wait.kind == WAIT_CHILD)
        out->wait_fd = wait.fd;
    if (wait.kind == WAIT_OFFLOAD)
        out->wait_nr = wait.nr;
    out->wait_count = wait.count;
    out->wait_addr = wait.addr;
    out->wait_owner_tid = wait.kind == WAIT_MUTEX ? present_owner(&wait) : wait.tid;
    if (wait.kind == WAIT_RWLOCK)
        describe_rwlock(&wait, out);
    out->wait_pid = wait.pid;
    if (!co->timer.position)
        return;
    uint64_t deadline = co->timer.deadline_ns;
    out->wait_left_ns = deadline > now ? deadline - now : 0;
    out->wait_over_ns = deadline < now ? now - deadline : 0;
}

void co_describe(const struct co *co, uint64_t now, struct co_info *out)
{
    memset(out, 0, sizeof(*out));
    out->id = co->id;
    out->creator_id = co->creator_id;
    out->tid = co->tid;
    out->state = *(const volatile uint8_t *)&co->state;
    describe_wait(co, now, out);
    out->state_ns = now > co->since_ns ? now - co->since_ns : 0;
    out->cpu_ns = co->cpu_ns;
    out->slices = co->slices;
    out->preemptions = co->preemptions;
    out->waits = co->waits;
    out->io_calls = co->calls_before + co->calls;
    uint32_t own = co->selfishness;
    out->selfishness = own ? own : runtime.selfishness;
    out->own_selfishness = own != 0;
    out->stack_base = co->stack_base;
    out->stack_bytes = co->stack_bytes;
    uintptr_t sp = (uintptr_t)co->sp;
    if (co->stack_bytes && sp - co->stack_base < co->stack_bytes)
        out->stack_used_bytes = co->stack_base + co->stack_bytes - sp;
    memcpy(out->name, co->name, sizeof(out->name));
    out->name[sizeof(out->name) - 1] = 0;
}

/* The hint makes paging through a million linear. */
struct list *snapshot_after(uint64_t after_id)
{
    struct list *node = runtime.all.next;
    if (runtime.snapshot_hint && runtime.snapshot_hint->id <= after_id)
        node = &runtime.snapshot_hint->all;
    while (node != &runtime.all && container_of(node, struct co, all)->id <= after_id)
        node = node->next;
    return node;
}

struct co *co_find(uint64_t id)
{
    struct list *node = snapshot_after(id - 1);
    struct co *co = container_of(node, struct co, all);
    return id && node != &runtime.all && co->id == id && co->state != CO_DEAD ? co : NULL;
}
