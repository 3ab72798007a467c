/* void signal_resume(struct ucontext *context) noreturn
 *
 * rt_sigreturn from a copy of a signal frame: continues what @context describes.
 *   in: rdi context, on the stack that we are on */
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
 * unwinders go on there: below, offset bytes from the stack pointer (DW_OP_breg7) are the registers in
 * its uc_mcontext (asm/sigcontext.h), and the frame's address is the stack pointer there. */
        .globl  call_on_stack
        .hidden call_on_stack
        .type   call_on_stack, @function
        .macro  saved_at register, offset
        .cfi_escape 0x10, \register, 3, 0x77, (\offset & 0x7f) | 0x80, \offset >> 7
        .endm
        .balign 16
call_on_stack:
        .cfi_startproc
        .cfi_signal_frame
        .cfi_escape 0x0f, 4, 0x77, 0xa0, 0x01, 0x06 /* CFA: the word at 160, rsp */
        saved_at 0, 144
        saved_at 1, 136
        saved_at 2, 152
        saved_at 3, 128
        saved_at 4, 112
        saved_at 5, 104
        saved_at 6, 120
        saved_at 8, 40
        saved_at 9, 48
        saved_at 10, 56
        saved_at 11, 64
        saved_at 12, 72
        saved_at 13, 80
        saved_at 14, 88
        saved_at 15, 96
        saved_at 16, 168
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
