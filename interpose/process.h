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

/* The child of such a clone begins without the program's handlers (CLONE_CLEAR_SIGHAND). */
bool clone_clears_handlers(long nr, const long word[5]);

/* Where gate_leave must find the frame of one that is to go on with its stack pointer at @stack_top. */
static inline struct gate_frame *frame_below(uintptr_t stack_top)
{
    return (struct gate_frame *)(stack_top - GATE_RED_ZONE) - 1;
}

/* Puts a copy of the caller's frame there, on the child's stack: the child's answer is 0. */
struct gate_frame *clone_frame(uintptr_t stack_top);

/* The frame of a call that came by a signal (trapped.c): not below the caller's stack pointer. It is
 * told by its tail, which is the site itself. */
struct trapped_frame {
    struct gate_frame frame;
    uint64_t sp;
};

static inline uintptr_t frame_sp(const struct gate_frame *frame)
{
    if (frame->tail == frame->site)
        return container_of(frame, struct trapped_frame, frame)->sp;
    return (uintptr_t)(frame + 1) + GATE_RED_ZONE;
}

/* guest.c: a process of its own that shares our memory, on a stack of its own, or on the caller's,
 * who waits. With CLONE_VFORK both PARK until it has executed a program or ended. */
long op_clone_guest(uint64_t flags, uintptr_t stack_top);
long op_vfork_guest(uint64_t flags);

/* A guest is about to make system call @nr. */
void guest_calls(uint64_t nr);

/* What a signal does to a process that shares our memory and isn't the runtime's: the program's
 * handler at once, or the default. Async-signal-safe. */
void signal_in_guest(int signal, siginfo_t *info, void *context);

/* futex_pi.c: in a dormant process that was forked from one with threads, answers its calls on a shared
 * priority-inheritance lock, whose owner may be a thread that the kernel doesn't know. False: @frame is no
 * such call. Blocks. */
bool futex_pi_dormant_call(struct gate_frame *frame);

/* dispatch.c: the operation that the registers ask for, in the runtime. PARKS. */
long gate_operation(struct gate_frame *frame);

#endif
