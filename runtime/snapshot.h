/* Shared by those that look at all coroutines from the monitor: describe.c, snapshot.c, stack_info.c,
 * stack_kept.c and deadlock.c. */
#ifndef CORO_SNAPSHOT_H
#define CORO_SNAPSHOT_H

#include "runtime/runtime.h"
#include "runtime/stack_info.h"

/* The first coroutine with an id beyond @after_id, or the head of runtime.all. Under all_lock. */
struct list *snapshot_after(uint64_t after_id);

/* The live coroutine with this id, or NULL. Under all_lock, or on the carrier, which alone changes the list. */
struct co *co_find(uint64_t id);

/* Everything of @co but the peer. */
void co_describe(const struct co *co, uint64_t now_ns, struct co_info *out);

/* True from the moment when an observer asks for the running thread's registers until the carrier,
 * in its handler of the kick, has given them by snapshot_give. */
extern volatile uint32_t snapshot_wanted;

/* Keeps the registers of the interrupted code, given as they stand at the head of struct sigcontext
 * (asm/sigcontext.h: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip), and the top of its
 * stack. On the carrier, from the handler of the kick. */
void snapshot_give(const uint64_t *context);

/* stack_kept.c: the record of the running thread, if it is thread @id (0: any), and the one of
 * co_stack_keep, with at most @max bytes of memory. Return its bytes; 0: there is none. On the monitor. */
size_t stack_of_running(uint64_t id, struct co_stack_info *info, size_t max);
size_t stack_of_kept(struct co_stack_info *info, size_t max);

/* The stack's memory that is of use from @sp up, at most @max bytes. */
static inline size_t stack_used_bytes(const struct co *co, uintptr_t sp, size_t max)
{
    if (co->stack_bytes && sp - co->stack_base < co->stack_bytes) {
        size_t used = co->stack_base + co->stack_bytes - sp;
        return used < max ? used : max;
    }
    return max;
}

static inline size_t stack_record_bytes(const struct co_stack_info *info)
{
    return sizeof(*info) + align_up(info->memory_bytes, sizeof(uint64_t));
}

#endif
