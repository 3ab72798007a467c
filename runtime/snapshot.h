/* Shared by those that look at all coroutines from the monitor: snapshot.c and stack_info.c. */
#ifndef CORO_SNAPSHOT_H
#define CORO_SNAPSHOT_H

#include "runtime/runtime.h"

/* The first coroutine with an id beyond @after_id, or the head of runtime.all. Under all_lock. */
struct list *snapshot_after(uint64_t after_id);

/* Everything of @co but the peer. */
void co_describe(const struct co *co, uint64_t now_ns, struct co_info *out);

/* True from the moment when an observer asks for the running thread's registers until the carrier,
 * in its handler of the kick, has given them by snapshot_give. */
extern volatile uint32_t snapshot_wanted;

/* Keeps the registers of the interrupted code, given as they stand at the head of struct sigcontext
 * (asm/sigcontext.h: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip), and the top of its
 * stack. On the carrier, from the handler of the kick. */
void snapshot_give(const uint64_t *context);

#endif
