/* signal_restorer: where the kernel returns to after our signal handler: rt_sigreturn.
 * Unwinders know these exact bytes (mov $15,%rax; syscall) as the mark of a signal frame, as they
 * do glibc's __restore_rt; the CFI below says the same to those that read CFI: registers lie in
 * the ucontext at the stack pointer. */
#include "runtime/arch/x86_64/ucontext_cfi.h"

        .text
        .globl  signal_restorer
        .hidden signal_restorer
        .type   signal_restorer, @function
        .balign 16
        .cfi_startproc
        ucontext_cfi
        nop /* unwinders look for what calls, one byte before where it returns to */
signal_restorer:
        movq    $15, %rax
        syscall
        .cfi_endproc
        .size   signal_restorer, .-signal_restorer
        .section .note.GNU-stack, "", @progbits
