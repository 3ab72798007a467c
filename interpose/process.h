/* Processes: what process.c and guest.c share. */
#ifndef CORO_INTERPOSE_PROCESS_H
#define CORO_INTERPOSE_PROCESS_H

#include "interpose/op.h"
#include "shim/gate/gate.h"

#define CLONE_ARGS_MAX 128 /* more than the kernel's struct clone_args has today */

/* The clone or clone3 that the running coroutine asks for, to be made on another stack than its own
 * words say. */
struct clone_call {
    long nr;
    long word[5];
    uint64_t args[CLONE_ARGS_MAX / 8]; /* clone3's */
};

/* Fills @call from the registers at the site; @stack_top 0: on a copy of the caller's stack.
 * Returns 0, -EFAULT or -E2BIG. */
long clone_call_init(struct clone_call *call, uintptr_t stack_top);

/* A copy of the caller's frame on the child's stack, for gate_leave: the child's answer is 0. */
struct gate_frame *clone_frame(uintptr_t stack_top);

/* guest.c: a process of its own that shares our memory, on a stack of its own. */
long op_clone_guest(uint64_t flags, uintptr_t stack_top);

/* True when it is a guest that runs on @carrier, as this_carrier() says. */
bool guest_is_here(const struct carrier *carrier);

/* What a signal does to a process that shares our memory and isn't the runtime's: the program's
 * handler at once, or the default. Async-signal-safe. */
void signal_in_guest(int signal, siginfo_t *info, void *context);

/* dispatch.c: the operation that the registers ask for, in the runtime. PARKS. */
long gate_operation(struct gate_frame *frame);

/* Tells the kernel which signals this process ignores, before an exec that hides our handlers. */
void guest_ignore_natively(void);

#endif
