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

/* void signal_jump(const struct sigcontext *at) noreturn
 *   in: rdi at
 *
 * By iretq, which alone sets all registers at once and needs no room on the stack that it goes to. */
        .globl  signal_jump
        .hidden signal_jump
        .type   signal_jump, @function
        .balign 16
signal_jump:
        .cfi_startproc
        .cfi_undefined %rip
        movl    %ss, %eax
        pushq   %rax
        pushq   120(%rdi)       /* rsp */
        pushq   136(%rdi)       /* eflags */
        movl    %cs, %eax
        pushq   %rax
        pushq   128(%rdi)       /* rip */
        movq    0(%rdi), %r8
        movq    8(%rdi), %r9
        movq    16(%rdi), %r10
        movq    24(%rdi), %r11
        movq    32(%rdi), %r12
        movq    40(%rdi), %r13
        movq    48(%rdi), %r14
        movq    56(%rdi), %r15
        movq    72(%rdi), %rsi
        movq    80(%rdi), %rbp
        movq    88(%rdi), %rbx
        movq    96(%rdi), %rdx
        movq    104(%rdi), %rax
        movq    112(%rdi), %rcx
        movq    64(%rdi), %rdi
        iretq
        .cfi_endproc
        .size   signal_jump, .-signal_jump

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
