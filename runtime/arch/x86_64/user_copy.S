/* long user_touch(uint32_t *word)
 *
 * Writes a word that a program's pointer names without changing it. Returns 0, or -EFAULT when it
 * isn't there or can't be written.
 *   in: rdi word
 *
 * long user_copy(void *to, const void *from, size_t bytes)
 *
 * Copies memory that a program's pointer names. Returns 0, or -EFAULT when it isn't there: the
 * handler of SIGSEGV and SIGBUS moves the program counter to user_copy_fault (sigdeliver.c).
 *   in: rdi to, rsi from, rdx bytes */
        .text
        .globl  user_copy
        .globl  user_copy_begin
        .globl  user_copy_end
        .globl  user_copy_fault
        .hidden user_copy
        .hidden user_copy_begin
        .hidden user_copy_end
        .hidden user_copy_fault
        .globl  user_touch
        .hidden user_touch
        .type   user_touch, @function
        .balign 16
user_touch:
        .cfi_startproc
user_copy_begin:
        lock addl $0, (%rdi)
        xorl    %eax, %eax
        ret
        .cfi_endproc
        .size   user_touch, .-user_touch

        .type   user_copy, @function
        .balign 16
user_copy:
        .cfi_startproc
        movq    %rdx, %rcx
        cmpq    $4, %rcx
        jne     1f
        movl    (%rsi), %eax
        movl    %eax, (%rdi)
        jmp     user_copy_end
1:      rep movsb
user_copy_end:
        xorl    %eax, %eax
        ret
user_copy_fault:
        movq    $-14, %rax
        ret
        .cfi_endproc
        .size   user_copy, .-user_copy
        .section .note.GNU-stack, "", @progbits
