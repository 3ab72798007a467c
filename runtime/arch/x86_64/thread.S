/* long kthread_clone(unsigned long flags, void *stack_top, void (*fn)(void *), void *argument,
 *                    int *tid)
 *
 * A bare kernel thread of ours: clone(2) with @flags on @stack_top, which then runs fn(argument) and
 * exits. Returns its kernel tid, also stored at @tid by the kernel (CLONE_PARENT_SETTID and
 * CLONE_CHILD_CLEARTID as flags say), or -errno.
 *   in: rdi flags, rsi stack top, rdx fn, rcx argument, r8 tid */
        .text
        .globl  kthread_clone
        .hidden kthread_clone
        .type   kthread_clone, @function
        .balign 16
kthread_clone:
        .cfi_startproc
        andq    $-16, %rsi
        movq    %rdx, -8(%rsi)
        movq    %rcx, -16(%rsi)
        subq    $16, %rsi
        movq    %r8, %rdx
        movq    %r8, %r10
        movl    $56, %eax
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
        .section .note.GNU-stack, "", @progbits
