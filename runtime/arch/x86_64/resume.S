/* void signal_resume(struct ucontext *context) noreturn
 *
 * rt_sigreturn from a copy of a signal frame: continues what @context describes.
 *   in: rdi context, on the stack that we are on */
#include "runtime/arch/x86_64/ucontext_cfi.h"

        .text
        .globl  signal_resume
        .hidden signal_resume
        .type   signal_resume, @function
        .balign 16
signal_resume:
        .cfi_startproc
        .cfi_undefined %rip
        movq    %rdi, %rsp
        movl    $15, %eax
        syscall
        ud2
        .cfi_endproc
        .size   signal_resume, .-signal_resume

/* void call_on_stack(void (*fn)(void *), void *context, uintptr_t stack_top) noreturn
 *   in: rdi fn, rsi context, rdx stack top, a multiple of 16. fn never returns.
 *
 * @context is a struct ucontext at @stack_top: what was interrupted. The CFI says so, so that
 * unwinders go on there. */
        .globl  call_on_stack
        .hidden call_on_stack
        .type   call_on_stack, @function
        .balign 16
call_on_stack:
        .cfi_startproc
        ucontext_cfi
        andq    $-16, %rdx
        movq    %rdx, %rsp
        xorl    %ebp, %ebp
        movq    %rdi, %rax
        movq    %rsi, %rdi
        callq   *%rax
        ud2
        .cfi_endproc
        .size   call_on_stack, .-call_on_stack
        .section .note.GNU-stack, "", @progbits
