/* CFI of code with a struct ucontext at the stack pointer, which says what was interrupted: unwinders go
 * on there. Offset bytes from the stack pointer (DW_OP_breg7) are the registers in its uc_mcontext
 * (asm/sigcontext.h), and the frame's address is the stack pointer there. For assembly. */
#ifndef CORO_UCONTEXT_CFI_H
#define CORO_UCONTEXT_CFI_H
/* clang-format off */

        .macro saved_at register, offset
        .cfi_escape 0x10, \register, 3, 0x77, (\offset & 0x7f) | 0x80, \offset >> 7
        .endm

        .macro ucontext_cfi
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
        .endm

/* clang-format on */
#endif
