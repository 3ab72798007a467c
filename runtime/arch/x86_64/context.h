/* Contexts of x86-64: switching stacks, FS and GS bases, vector state. */
#ifndef CORO_CONTEXT_H
#define CORO_CONTEXT_H

#include <asm/prctl.h>

#include "runtime/base.h"
#include "runtime/sys.h"

/* switch.S */
void context_switch(void **save_sp, void *load_sp);
/* start.S */
void context_start(void);

/* simd.S */
long simd_call_xmm(long (*fn)(void *), void *argument);
long simd_call_full(long (*fn)(void *), void *argument, uint64_t area_bytes, uint64_t mask);

/* interruptible.S */
long sys_interruptible(const volatile uint32_t *flag, long nr, long a, long b, long c, long d,
                       long e, long f);
extern const char sys_interruptible_begin[], sys_interruptible_end[], sys_interruptible_abort[];

/* user_copy.S */
long user_copy(void *to, const void *from, size_t bytes);
long user_touch(uint32_t *word);
extern const char user_copy_begin[], user_copy_end[], user_copy_fault[];

/* What this processor and kernel offer. */
struct cpu {
    bool fsgsbase;       /* wrfsbase and wrgsbase may be used (AT_HWCAP2 bit 1) */
    uint32_t simd_mask;  /* components to save at an inline system call; 0: FXSAVE state only */
    uint32_t simd_bytes; /* their area */
};

void cpu_init(struct cpu *cpu, uint64_t hwcap2);

/* Builds, below @stack_top, what context_switch needs to begin fn(argument). Returns the stack
 * pointer to switch to. Inherits the caller's MXCSR and x87 control word. */
static inline void *context_prepare(void *stack_top, void (*fn)(void *), void *argument)
{
    uint64_t *sp = (uint64_t *)align_down((uintptr_t)stack_top, 16);
    uint32_t mxcsr;
    uint16_t x87;
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(x87));
    *--sp = 0; /* alignment: context_start begins with a call */
    *--sp = 0;
    *--sp = (uint64_t)context_start;
    *--sp = 0;                  /* rbp */
    *--sp = (uint64_t)argument; /* rbx */
    *--sp = (uint64_t)fn;       /* r12 */
    *--sp = 0;                  /* r13 */
    *--sp = 0;                  /* r14 */
    *--sp = 0;                  /* r15 */
    *--sp = mxcsr | (uint64_t)x87 << 32;
    return sp;
}

static inline void fs_base_set(const struct cpu *cpu, uint64_t base)
{
    if (likely(cpu->fsgsbase))
        __asm__ volatile("wrfsbase %0" : : "r"(base) : "memory");
    else
        sys2(__NR_arch_prctl, ARCH_SET_FS, base);
}

static inline uint64_t fs_base_get(const struct cpu *cpu)
{
    uint64_t base = 0;
    if (likely(cpu->fsgsbase))
        __asm__ volatile("rdfsbase %0" : "=r"(base));
    else
        sys2(__NR_arch_prctl, ARCH_GET_FS, &base);
    return base;
}

static inline void gs_base_set(const struct cpu *cpu, uint64_t base)
{
    if (likely(cpu->fsgsbase))
        __asm__ volatile("wrgsbase %0" : : "r"(base) : "memory");
    else
        sys2(__NR_arch_prctl, ARCH_SET_GS, base);
}

static inline uint64_t gs_base_get(const struct cpu *cpu)
{
    uint64_t base = 0;
    if (likely(cpu->fsgsbase))
        __asm__ volatile("rdgsbase %0" : "=r"(base));
    else
        sys2(__NR_arch_prctl, ARCH_GET_GS, &base);
    return base;
}

#endif
