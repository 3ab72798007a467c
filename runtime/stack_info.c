/* Stacks of live threads for observers. Runs on the monitor kernel thread while the carrier goes on.
 *
 * A thread that doesn't run has its registers where context_switch left them, at co.sp. It may be
 * switched to at any moment, so everything is read first and the count of switches compared
 * afterwards: a copy that another switch overtook is thrown away. Its stack may be unmapped
 * meanwhile, so memory is read by process_vm_readv, which fails where an access would fault.
 * The running thread is asked: stack_kept.c. */
#include "runtime/stack_info.h"

#include "runtime/snapshot.h"

#include <linux/uio.h>

#define TRIES        3
#define SWITCH_WORDS 8 /* what context_switch pushes, the return address included */

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
    info->memory_bytes = (uint32_t)co_memory(info + 1, sp, stack_used_bytes(co, sp, max));
    barrier();
    return *(const volatile uint32_t *)&co->slices == info->slices &&
           *(const volatile uint8_t *)&co->state == info->state;
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
        done = stack_of_running(co->id, info, max) > 0;
    }
    if (!done) { /* it goes on switching */
        info->registers[REGISTER_RIP] = 0;
        info->memory_bytes = 0;
    }
    return stack_record_bytes(info);
}

size_t co_stacks(uint64_t after_id, uint64_t only_id, uint32_t max_stack_bytes, void *out,
                 size_t room, uint32_t *count, int *more)
{
    size_t used = 0;
    *count = 0;
    *more = 0;
    if (runtime.mode != MODE_ACTIVE)
        return 0;
    if (only_id == STACK_OF_RUNNING || only_id == STACK_KEPT) {
        used = only_id == STACK_KEPT ? stack_of_kept(out, max_stack_bytes)
                                     : stack_of_running(0, out, max_stack_bytes);
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
