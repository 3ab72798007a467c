/* The registers of whoever asks, for unwinding its callers. */
#ifndef CORO_REGISTERS_H
#define CORO_REGISTERS_H

#include <stdint.h>

/* Sets the registers that calls keep, rsp and rip in @registers (DWARF's order, STACK_REGISTERS of
 * them). They hold while the function that this is inlined into has not returned. */
static inline __attribute__((always_inline)) void registers_here(uint64_t *registers)
{
    __asm__ volatile("movq %%rbx, 24(%0)\n\t"
                     "movq %%rbp, 48(%0)\n\t"
                     "movq %%rsp, 56(%0)\n\t"
                     "movq %%r12, 96(%0)\n\t"
                     "movq %%r13, 104(%0)\n\t"
                     "movq %%r14, 112(%0)\n\t"
                     "movq %%r15, 120(%0)\n\t"
                     "leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 128(%0)"
                     :
                     : "r"(registers)
                     : "rax", "memory");
}

#endif
