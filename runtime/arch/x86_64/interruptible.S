/* long sys_interruptible(const volatile uint32_t *flag, long nr, long a, b, c, d, e, f)
 *
 * The system call @nr unless *flag is set: then -ERESTARTSYS. A signal handler that interrupts it
 * between the test and the end of the instruction moves the program counter to
 * sys_interruptible_abort (kthread_abort_call): no wake-up is lost between looking and sleeping, and
 * SA_RESTART does not apply. A call that has taken effect is past the instruction, and its result
 * stands; so does the -EINTR of calls that the kernel never restarts.
 *   in:  rdi flag, rsi nr, rdx a, rcx b, r8 c, r9 d, 8(%rsp) e, 16(%rsp) f */
        .text
        .globl  sys_interruptible
        .globl  sys_interruptible_begin
        .globl  sys_interruptible_end
        .globl  sys_interruptible_abort
        .hidden sys_interruptible
        .hidden sys_interruptible_begin
        .hidden sys_interruptible_end
        .hidden sys_interruptible_abort
        .type   sys_interruptible, @function
        .balign 16
sys_interruptible:
        .cfi_startproc
        movq    %rdi, %r11
        movq    %rsi, %rax
        movq    %rdx, %rdi
        movq    %rcx, %rsi
        movq    %r8, %rdx
        movq    %r9, %r10
        movq    8(%rsp), %r8
        movq    16(%rsp), %r9
sys_interruptible_begin:
        cmpl    $0, (%r11)
        jne     sys_interruptible_abort
        syscall
sys_interruptible_end:
        ret
sys_interruptible_abort:
        movq    $-512, %rax    /* -ERESTARTSYS */
        ret
        .cfi_endproc
        .size   sys_interruptible, .-sys_interruptible
        .section .note.GNU-stack, "", @progbits
