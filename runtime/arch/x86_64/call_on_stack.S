/* void call_handler_on_stack(uintptr_t handler, int signal, void *info, void *context,
 *                            uintptr_t stack_top)
 *
 * Calls handler(signal, info, context) with the stack pointer at @stack_top: a handler that asked
 * for its alternate stack.
 *   in: rdi handler, esi signal, rdx info, rcx context, r8 stack top */
        .text
        .globl  call_handler_on_stack
        .hidden call_handler_on_stack
        .type   call_handler_on_stack, @function
        .balign 16
call_handler_on_stack:
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        movq    %rdi, %rax
        movl    %esi, %edi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        andq    $-16, %r8
        movq    %r8, %rsp
        callq   *%rax
        movq    %rbp, %rsp
        popq    %rbp
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   call_handler_on_stack, .-call_handler_on_stack

/* long call_aside(long (*fn)(void *argument, char *low), void *argument, uintptr_t stack_top)
 *
 * Returns fn(argument, low), called with the stack pointer at @stack_top. What is in use of the stack
 * that it leaves begins at @low.
 *   in: rdi fn, rsi argument, rdx stack top, a multiple of 16 */
        .globl  call_aside
        .hidden call_aside
        .type   call_aside, @function
        .balign 16
call_aside:
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rsp, %rsi
        movq    %rdx, %rsp
        callq   *%rax
        movq    %rbp, %rsp
        popq    %rbp
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   call_aside, .-call_aside
        .section .note.GNU-stack, "", @progbits
