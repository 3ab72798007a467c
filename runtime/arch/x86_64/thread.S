/* long kthread_clone(long nr, const long word[5])
 *
 * The system call @nr, clone or clone3, with the words of @word. The child finds an argument and a
 * function on its stack (kthread_stack), calls fn(argument) and exits. Returns the child's id to the
 * parent, or -errno.
 *   in: rdi nr, rsi words */
        .text
        .globl  kthread_clone
        .hidden kthread_clone
        .type   kthread_clone, @function
        .balign 16
kthread_clone:
        .cfi_startproc
        movq    %rdi, %rax
        movq    %rsi, %r11
        movq    (%r11), %rdi
        movq    8(%r11), %rsi
        movq    16(%r11), %rdx
        movq    24(%r11), %r10
        movq    32(%r11), %r8
        syscall
        testq   %rax, %rax
        jz      1f
        ret
1:      .cfi_undefined %rip
        xorl    %ebp, %ebp
        popq    %rdi
        popq    %rax
        callq   *%rax
        movl    $60, %eax
        xorl    %edi, %edi
        syscall
        ud2
        .cfi_endproc
        .size   kthread_clone, .-kthread_clone

/* void kthread_exit(void *stack, size_t bytes) noreturn
 *
 * Unmaps the stack that it is called on and ends the kernel thread. All signals are blocked.
 *   in: rdi stack, rsi bytes */
        .globl  kthread_exit
        .hidden kthread_exit
        .type   kthread_exit, @function
        .balign 16
kthread_exit:
        .cfi_startproc
        .cfi_undefined %rip
        movl    $11, %eax
        syscall
        movl    $60, %eax
        xorl    %edi, %edi
        syscall
        ud2
        .cfi_endproc
        .size   kthread_exit, .-kthread_exit
        .section .note.GNU-stack, "", @progbits
