/* context_start: the first instruction of a new context (context_prepare builds the stack).
 *   r12  function, rbx its argument. The function never returns.
 * The frame has no caller: CFI says so, and unwinders stop here. */
        .text
        .globl  context_start
        .hidden context_start
        .type   context_start, @function
        .balign 16
context_start:
        .cfi_startproc
        .cfi_undefined %rip
        xorl    %ebp, %ebp
        movq    %rbx, %rdi
        callq   *%r12
        ud2
        .cfi_endproc
        .size   context_start, .-context_start
        .section .note.GNU-stack, "", @progbits
