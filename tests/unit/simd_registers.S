/* For test_simd.c: vector registers from and to memory around a call of simd_call_*.
 *
 * long keep_xmm(const void *from, void *to, long (*fn)(void *))
 * long keep_ymm(const void *from, void *to, long (*fn)(void *), uint64_t bytes, uint64_t mask)
 * long keep_zmm(the same)
 *     Loads all registers of the kind from @from, calls simd_call_xmm or simd_call_full on
 *     fn(to), stores the registers at @to. keep_zmm has zmm0-31, then k0-7 in 8 bytes each.
 * void clear_xmm(void), clear_ymm(void), clear_zmm(void)
 *     Clobbers them all. */
#define SIXTEEN 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
#define MORE    16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
#define EIGHT   0,1,2,3,4,5,6,7
#define MASKS_AT 2048

        .macro begin name
        .globl  \name
        .type   \name, @function
\name:
        .cfi_startproc
        .endm

        .macro end name
        ret
        .cfi_endproc
        .size   \name, .-\name
        .endm

/* rdi from, rsi to, rdx fn, rcx bytes, r8 mask: calls simd_call_full(fn, to, bytes, mask). */
        .macro call_full
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        movq    %rsi, %rbx
        movq    %rdx, %rdi
        movq    %rcx, %rdx
        movq    %r8, %rcx
        callq   simd_call_full
        .endm

        .macro pop_rbx
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        .endm

        .text
        begin   keep_xmm
        .irp    n, SIXTEEN
        movups  \n*16(%rdi), %xmm\n
        .endr
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        movq    %rsi, %rbx
        movq    %rdx, %rdi
        callq   simd_call_xmm
        .irp    n, SIXTEEN
        movups  %xmm\n, \n*16(%rbx)
        .endr
        pop_rbx
        end     keep_xmm

        begin   keep_ymm
        .irp    n, SIXTEEN
        vmovups \n*32(%rdi), %ymm\n
        .endr
        call_full
        .irp    n, SIXTEEN
        vmovups %ymm\n, \n*32(%rbx)
        .endr
        vzeroupper
        pop_rbx
        end     keep_ymm

        begin   keep_zmm
        .irp    n, SIXTEEN,MORE
        vmovups \n*64(%rdi), %zmm\n
        .endr
        .irp    n, EIGHT
        kmovq   MASKS_AT+\n*8(%rdi), %k\n
        .endr
        call_full
        .irp    n, SIXTEEN,MORE
        vmovups %zmm\n, \n*64(%rbx)
        .endr
        .irp    n, EIGHT
        kmovq   %k\n, MASKS_AT+\n*8(%rbx)
        .endr
        vzeroupper
        pop_rbx
        end     keep_zmm

        begin   clear_xmm
        .irp    n, SIXTEEN
        pxor    %xmm\n, %xmm\n
        .endr
        end     clear_xmm

        begin   clear_ymm
        vzeroall
        end     clear_ymm

        begin   clear_zmm
        .irp    n, SIXTEEN,MORE
        vpxorq  %zmm\n, %zmm\n, %zmm\n
        .endr
        .irp    n, EIGHT
        kxorq   %k\n, %k\n, %k\n
        .endr
        vzeroupper
        end     clear_zmm
        .section .note.GNU-stack, "", @progbits
