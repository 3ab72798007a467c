/* A gate_dispatch for the gate's own tests: makes each call itself, and counts. */
#ifndef CORO_TEST_GATE_PASS_H
#define CORO_TEST_GATE_PASS_H

#include <asm/unistd.h>

#include "runtime/sys.h"
#include "shim/gate/gate.h"

#define CALLS_MAX 512

/* Volatile: libc declares its functions "leaf", which promises not to come back here. */
static volatile unsigned long gate_calls[CALLS_MAX];
static volatile uintptr_t gate_last_site;
static void (*volatile gate_hook)(struct gate_frame *frame);

/* The shapes that are tested include a misaligned stack. */
enum gate_verdict __attribute__((target("general-regs-only"), no_sanitize("alignment")))
gate_dispatch(struct gate_frame *frame)
{
    long number = (long)frame->rax;
    if (number < CALLS_MAX)
        __atomic_add_fetch(&gate_calls[number], 1, __ATOMIC_RELAXED);
    gate_last_site = frame->site;
    if (gate_hook)
        gate_hook(frame);
    if (number == __NR_clone || number == __NR_clone3 || number == __NR_vfork)
        return GATE_RAW;
    frame->rax = (uint64_t)sys_call6(number, (long)frame->rdi, (long)frame->rsi, (long)frame->rdx,
                                     (long)frame->r10, (long)frame->r8, (long)frame->r9);
    return GATE_DONE;
}

#endif
