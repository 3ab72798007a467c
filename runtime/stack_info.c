/* Stacks of live threads for observers. Runs on the monitor kernel thread while the carrier goes on.
 *
 * A thread that doesn't run has its registers where context_switch left them, at co.sp. It may be
 * switched to at any moment, so everything is read first and the count of switches compared
 * afterwards: a copy that another switch overtook is thrown away. Its stack may be unmapped
 * meanwhile, so memory is read by process_vm_readv, which fails where an access would fault.
 *
 * The running thread is asked: a kick makes the carrier's handler keep registers and the top of
 * the stack here. The handler works with all signals blocked, takes no lock (we hold all_lock) and
 * allocates nothing. */
#include "runtime/stack_info.h"

#include "runtime/monitor.h"
#include "runtime/snapshot.h"

#include <linux/uio.h>

#define TRIES        3
#define GIVE_BYTES   (32 * 1024U) /* of the running thread's stack */
#define GIVE_WAIT_NS (200 * NSEC_PER_USEC)
#define GIVE_WAITS   100
#define SWITCH_WORDS 8 /* what context_switch pushes, the return address included */

volatile uint32_t snapshot_wanted;

static struct {
    uint64_t id; /* 0: nothing kept */
    uint64_t slices;
    uint64_t registers[STACK_REGISTERS];
    uint32_t memory_bytes;
    unsigned char memory[GIVE_BYTES];
} given;

size_t co_memory(void *to, uintptr_t address, size_t bytes)
{
    struct iovec into = { .iov_base = to, .iov_len = bytes };
    struct iovec from = { .iov_base = (void *)address, .iov_len = bytes };
    long result = sys6(__NR_process_vm_readv, sys0(__NR_getpid), &into, 1, &from, 1, 0);
    if (result == (long)bytes)
        return bytes;
    /* One page at a time: a part that lies in an unreadable page takes the whole call with it. */
    size_t done = 0;
    while (done < bytes) {
        size_t part = PAGE_BYTES - (address + done) % PAGE_BYTES;
        part = part < bytes - done ? part : bytes - done;
        into = (struct iovec){ .iov_base = (char *)to + done, .iov_len = part };
        from = (struct iovec){ .iov_base = (void *)(address + done), .iov_len = part };
        if (sys6(__NR_process_vm_readv, sys0(__NR_getpid), &into, 1, &from, 1, 0) != (long)part)
            break;
        done += part;
    }
    return done;
}

/* The stack's memory that is of use from @sp up, at most @max bytes. */
static size_t used_bytes(const struct co *co, uintptr_t sp, size_t max)
{
    if (co->stack_bytes && sp - co->stack_base < co->stack_bytes) {
        size_t used = co->stack_base + co->stack_bytes - sp;
        return used < max ? used : max;
    }
    return max;
}

void snapshot_give(const uint64_t *context)
{
    static const uint8_t place[STACK_REGISTERS] = { 13, 12, 14, 11, 9, 8, 10, 15, 0,
                                                    1,  2,  3,  4,  5, 6, 7,  16 };
    const struct co *co = runtime.carrier.current;
    if (co) {
        for (int i = 0; i < STACK_REGISTERS; i++)
            given.registers[i] = context[place[i]];
        uintptr_t sp = given.registers[REGISTER_RSP];
        given.memory_bytes =
            (uint32_t)co_memory(given.memory, sp, used_bytes(co, sp, sizeof(given.memory)));
        given.slices = co->slices;
        given.id = co->id;
    }
    __atomic_store_n(&snapshot_wanted, 0, __ATOMIC_RELEASE);
}

/* Makes the carrier give the running thread's state; it keeps it until the next time. */
static void ask_running(void)
{
    given.id = 0;
    if (runtime.carrier.idle || !runtime.carrier.current)
        return;
    __atomic_store_n(&snapshot_wanted, 1, __ATOMIC_RELEASE);
    monitor_kick();
    for (int i = 0; i < GIVE_WAITS && __atomic_load_n(&snapshot_wanted, __ATOMIC_ACQUIRE); i++) {
        struct __kernel_timespec pause = ns_timespec(GIVE_WAIT_NS);
        sys2(__NR_nanosleep, &pause, NULL);
    }
    /* Too late now: the handler must not write while we read. */
    if (__atomic_exchange_n(&snapshot_wanted, 0, __ATOMIC_ACQ_REL))
        given.id = 0;
}

/* As context_switch (switch.S) left them. */
static void parked_registers(uint64_t *registers, uintptr_t sp, const uint64_t *saved)
{
    registers[REGISTER_R15] = saved[1];
    registers[REGISTER_R15 - 1] = saved[2];
    registers[REGISTER_R15 - 2] = saved[3];
    registers[REGISTER_R15 - 3] = saved[4];
    registers[REGISTER_RBX] = saved[5];
    registers[REGISTER_RBP] = saved[6];
    registers[REGISTER_RIP] = saved[7];
    registers[REGISTER_RSP] = sp + SWITCH_WORDS * sizeof(*saved);
}

/* Copies a thread that isn't running. False: it was switched to meanwhile. */
static bool copy_parked(const struct co *co, struct co_stack_info *info, size_t max)
{
    uint64_t saved[SWITCH_WORDS];
    info->slices = *(const volatile uint32_t *)&co->slices;
    info->state = *(const volatile uint8_t *)&co->state;
    if (info->state == CO_RUNNING)
        return false;
    uintptr_t sp = (uintptr_t) * (void *const volatile *)&co->sp;
    if (!sp || co_memory(saved, sp, sizeof(saved)) != sizeof(saved))
        return info->state != CO_RUNNING;
    parked_registers(info->registers, sp, saved);
    sp = info->registers[REGISTER_RSP];
    info->memory_bytes = (uint32_t)co_memory(info + 1, sp, used_bytes(co, sp, max));
    barrier();
    return *(const volatile uint32_t *)&co->slices == info->slices &&
           *(const volatile uint8_t *)&co->state == info->state;
}

static size_t record_bytes(const struct co_stack_info *info)
{
    return sizeof(*info) + align_up(info->memory_bytes, sizeof(uint64_t));
}

static bool copy_given(struct co_stack_info *info, size_t max)
{
    if (given.id != info->id)
        return false;
    info->state = CO_RUNNING;
    info->slices = given.slices;
    info->memory_bytes = (uint32_t)(given.memory_bytes < max ? given.memory_bytes : max);
    memcpy(info->registers, given.registers, sizeof(info->registers));
    memcpy(info + 1, given.memory, info->memory_bytes);
    return true;
}

static size_t copy_one(const struct co *co, struct co_stack_info *info, size_t max)
{
    bool done = false;
    for (int i = 0; i < TRIES && !done; i++) {
        memset(info, 0, sizeof(*info));
        info->id = co->id;
        done = copy_parked(co, info, max);
        if (done)
            break;
        ask_running();
        done = copy_given(info, max);
    }
    if (!done) { /* it goes on switching */
        info->registers[REGISTER_RIP] = 0;
        info->memory_bytes = 0;
    }
    return record_bytes(info);
}

static size_t copy_running(struct co_stack_info *info, size_t max)
{
    ask_running();
    if (!given.id)
        return 0;
    memset(info, 0, sizeof(*info));
    info->id = given.id;
    return copy_given(info, max) ? record_bytes(info) : 0;
}

size_t co_stacks(uint64_t after_id, uint64_t only_id, uint32_t max_stack_bytes, void *out,
                 size_t room, uint32_t *count, int *more)
{
    size_t used = 0;
    *count = 0;
    *more = 0;
    if (runtime.mode != MODE_ACTIVE)
        return 0;
    if (only_id == STACK_OF_RUNNING) {
        used = copy_running(out, max_stack_bytes);
        *count = used > 0;
        return used;
    }
    spin_lock(&runtime.all_lock);
    struct list *node = snapshot_after(only_id ? only_id - 1 : after_id);
    for (; node != &runtime.all; node = node->next) {
        struct co *co = container_of(node, struct co, all);
        uint8_t state = *(const volatile uint8_t *)&co->state;
        if (only_id && co->id != only_id)
            break;
        if (state == CO_FREE || state == CO_DEAD)
            continue;
        if (room - used < sizeof(struct co_stack_info) + max_stack_bytes + sizeof(uint64_t)) {
            *more = 1;
            break;
        }
        used += copy_one(co, (struct co_stack_info *)((char *)out + used), max_stack_bytes);
        (*count)++;
        runtime.snapshot_hint = co;
    }
    spin_unlock(&runtime.all_lock);
    return used;
}
