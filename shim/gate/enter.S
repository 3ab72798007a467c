/* The gate's entry and exit: saves the caller's registers in a struct gate_frame, asks
 * gate_dispatch, and continues in the stub as its verdict says.
 *
 * Registers on entry, from a stub:
 *   rcx  the address after the original syscall instruction (site)
 *   r11  the stub's tail; its raw_tail lies GATE_SYSCALL_BYTES before it
 *   rax, rdi, rsi, rdx, r10, r8, r9  the call; all others belong to the caller
 *   rsp  the caller's, whose 128 bytes below are live (the red zone)
 * Registers on exit: rax the result, rcx and r11 garbage (as after the instruction itself, which
 * clobbers both), all others as on entry. SSE and x87 state is not touched here. Flags are not
 * kept: sites with live flags are left raw (choose.c).
 *
 * Unwinding: from the first instruction to the last, the caller is the site itself: return address
 * = site, CFA = the caller's rsp. An unwinder in gate_dispatch or deeper so steps over the stub,
 * for which no unwind information exists, as if the site had called us. */
#include "shim/gate/layout.h"

    .text

    /* The frame at \base, whose CFA is \base + GATE_CFA_OFFSET. */
    .macro frame_cfi
    .cfi_offset rip, -136
    .cfi_offset rbx, -216
    .cfi_offset rbp, -224
    .cfi_offset r12, -232
    .cfi_offset r13, -240
    .cfi_offset r14, -248
    .cfi_offset r15, -256
    .endm

    /* Popped values stay readable below rsp (our own red zone), so the rules above hold on. */
    .macro pop_register name
    popq %\name
    .cfi_adjust_cfa_offset -8
    .endm

    .macro pop_registers
    pop_register r15
    pop_register r14
    pop_register r13
    pop_register r12
    .cfi_same_value r15
    .cfi_same_value r14
    .cfi_same_value r13
    .cfi_same_value r12
    pop_register rbp
    pop_register rbx
    .cfi_same_value rbp
    .cfi_same_value rbx
    pop_register r9
    pop_register r8
    pop_register r10
    pop_register rdx
    pop_register rsi
    pop_register rdi
    pop_register rax
    .endm

    /* Leaves through the address in r11: rsp as at the site, nothing of ours left in use. */
    .macro leave_to offset
    movq \offset(%rsp), %r11
    movq GATE_SITE_AFTER(%rsp), %rcx
    .cfi_register rip, rcx
    leaq GATE_LEFT_ON_STACK(%rsp), %rsp
    .cfi_adjust_cfa_offset -GATE_LEFT_ON_STACK
    jmpq *%r11
    .endm

    .globl gate_enter
    .hidden gate_enter
    .hidden gate_dispatch
    .type gate_enter, @function
    .p2align 4
gate_enter:
    .cfi_startproc
    .cfi_def_cfa rsp, 0
    .cfi_register rip, rcx
    leaq -GATE_RED_ZONE_ASM(%rsp), %rsp
    .cfi_adjust_cfa_offset GATE_RED_ZONE_ASM
    pushq %rcx
    .cfi_adjust_cfa_offset 8
    .cfi_offset rip, -136
    leaq -GATE_SYSCALL_BYTES(%r11), %rcx
    pushq %rcx
    .cfi_adjust_cfa_offset 8
    pushq %r11
    .cfi_adjust_cfa_offset 8
    pushq %rax
    .cfi_adjust_cfa_offset 8
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    pushq %rsi
    .cfi_adjust_cfa_offset 8
    pushq %rdx
    .cfi_adjust_cfa_offset 8
    pushq %r10
    .cfi_adjust_cfa_offset 8
    pushq %r8
    .cfi_adjust_cfa_offset 8
    pushq %r9
    .cfi_adjust_cfa_offset 8
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    pushq %r12
    .cfi_adjust_cfa_offset 8
    pushq %r13
    .cfi_adjust_cfa_offset 8
    pushq %r14
    .cfi_adjust_cfa_offset 8
    pushq %r15
    .cfi_adjust_cfa_offset 8
    frame_cfi
    movq %rsp, %rbp
    .cfi_def_cfa_register rbp
    movq %rsp, %rdi
    andq $-16, %rsp
    call gate_dispatch
    movq %rbp, %rsp
    .cfi_def_cfa_register rsp
    testl %eax, %eax
    jnz .Lraw
    .cfi_remember_state
    pop_registers
    leave_to GATE_AFTER_POPS
.Lraw:
    .cfi_restore_state
    pop_registers
    leave_to GATE_RAW_AFTER
    .cfi_endproc
    .size gate_enter, . - gate_enter

    .globl gate_leave
    .hidden gate_leave
    .type gate_leave, @function
    .p2align 4
gate_leave:
    /* rdi: the frame. The caller of gate_leave is forgotten from the first instruction on. */
    .cfi_startproc
    .cfi_def_cfa rdi, GATE_CFA_OFFSET
    frame_cfi
    movq %rdi, %rsp
    .cfi_def_cfa_register rsp
    pop_registers
    leave_to GATE_AFTER_POPS
    .cfi_endproc
    .size gate_leave, . - gate_leave

    .section .note.GNU-stack, "", @progbits
