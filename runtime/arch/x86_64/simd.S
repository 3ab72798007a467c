/* long simd_call_xmm(long (*fn)(void *), void *argument)
 * long simd_call_full(long (*fn)(void *), void *argument, uint64_t area_bytes, uint64_t mask)
 *
 * Calls fn(argument) with the caller's vector registers preserved: xmm0-15 alone, or every
 * component of @mask (low half; XSAVE's requested-feature bitmap) in an area of @area_bytes on the
 * stack. For code that was entered by an inline system call, which clobbers no vector register,
 * and is about to run other people's code. */
        .text
        .globl  simd_call_xmm
        .hidden simd_call_xmm
        .type   simd_call_xmm, @function
        .balign 16
simd_call_xmm:
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        subq    $256, %rsp
        movaps  %xmm0, 0(%rsp)
        movaps  %xmm1, 16(%rsp)
        movaps  %xmm2, 32(%rsp)
        movaps  %xmm3, 48(%rsp)
        movaps  %xmm4, 64(%rsp)
        movaps  %xmm5, 80(%rsp)
        movaps  %xmm6, 96(%rsp)
        movaps  %xmm7, 112(%rsp)
        movaps  %xmm8, 128(%rsp)
        movaps  %xmm9, 144(%rsp)
        movaps  %xmm10, 160(%rsp)
        movaps  %xmm11, 176(%rsp)
        movaps  %xmm12, 192(%rsp)
        movaps  %xmm13, 208(%rsp)
        movaps  %xmm14, 224(%rsp)
        movaps  %xmm15, 240(%rsp)
        movq    %rdi, %rax
        movq    %rsi, %rdi
        callq   *%rax
        movaps  0(%rsp), %xmm0
        movaps  16(%rsp), %xmm1
        movaps  32(%rsp), %xmm2
        movaps  48(%rsp), %xmm3
        movaps  64(%rsp), %xmm4
        movaps  80(%rsp), %xmm5
        movaps  96(%rsp), %xmm6
        movaps  112(%rsp), %xmm7
        movaps  128(%rsp), %xmm8
        movaps  144(%rsp), %xmm9
        movaps  160(%rsp), %xmm10
        movaps  176(%rsp), %xmm11
        movaps  192(%rsp), %xmm12
        movaps  208(%rsp), %xmm13
        movaps  224(%rsp), %xmm14
        movaps  240(%rsp), %xmm15
        leave
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   simd_call_xmm, .-simd_call_xmm

        .globl  simd_call_full
        .hidden simd_call_full
        .type   simd_call_full, @function
        .balign 16
simd_call_full:
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        pushq   %r12
        .cfi_offset %r12, -24
        pushq   %r13
        .cfi_offset %r13, -32
        movq    %rcx, %r12
        movq    %rdi, %r13
        subq    %rdx, %rsp
        andq    $-64, %rsp
        /* XSAVE wants the header beyond the two words that it writes itself to be zero. */
        xorl    %eax, %eax
        movq    %rax, 512(%rsp)
        movq    %rax, 520(%rsp)
        movq    %rax, 528(%rsp)
        movq    %rax, 536(%rsp)
        movq    %rax, 544(%rsp)
        movq    %rax, 552(%rsp)
        movq    %rax, 560(%rsp)
        movq    %rax, 568(%rsp)
        movl    %r12d, %eax
        xorl    %edx, %edx
        xsave64 (%rsp)
        movq    %rsi, %rdi
        callq   *%r13
        movq    %rax, %rcx
        movl    %r12d, %eax
        xorl    %edx, %edx
        xrstor64 (%rsp)
        movq    %rcx, %rax
        leaq    -16(%rbp), %rsp
        popq    %r13
        .cfi_restore %r13
        popq    %r12
        .cfi_restore %r12
        popq    %rbp
        .cfi_restore %rbp
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   simd_call_full, .-simd_call_full
        .section .note.GNU-stack, "", @progbits
