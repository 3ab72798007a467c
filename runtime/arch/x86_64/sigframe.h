/* The kernel's side of signal handling on x86-64: rt_sigaction's structure and the way back. */
#ifndef CORO_SIGFRAME_H
#define CORO_SIGFRAME_H

#include "runtime/base.h"

struct kernel_sigaction {
    uintptr_t handler; /* SIG_DFL 0, SIG_IGN 1 */
    unsigned long flags;
    uintptr_t restorer;
    uint64_t mask;
};

#define SA_RESTORER_ 0x04000000UL

/* restorer.S: rt_sigreturn, recognised by unwinders as a signal frame. */
void signal_restorer(void);

/* resume.S: rt_sigreturn from a copy of a signal frame; a jump to what @at describes, with its general
 * registers and flags, the others as they are; and a jump to another stack. */
void signal_resume(void *context) __attribute__((noreturn));
struct sigcontext;
void signal_jump(const struct sigcontext *at) __attribute__((noreturn));
void call_on_stack(void (*fn)(void *), void *argument, uintptr_t stack_top)
    __attribute__((noreturn));

/* call_on_stack.S: calls handler(signal, info, context) on @stack_top. */
void call_handler_on_stack(uintptr_t handler, int signal, void *info, void *context,
                           uintptr_t stack_top);

#endif
