/* What the processor saves: XSAVE's user components that compilers keep values in across an inline
 * system call: x87, SSE, AVX and AVX-512. AMX tiles and protection keys are left alone: no compiler
 * keeps a tile alive across one, and a key set must not be undone by a switch. */
#include <cpuid.h>

#include "runtime/arch/x86_64/context.h"

#define HWCAP2_FSGSBASE (1U << 1)
#define CPUID_OSXSAVE   (1U << 27)
#define XSAVE_USED      0xe7U /* x87, SSE, AVX, opmask, ZMM high halves, ZMM16-31 */
#define XSAVE_AVX512    0xe0U
#define BYTES_LEGACY    (512U + 64U)
#define BYTES_AVX       (BYTES_LEGACY + 256U)
#define BYTES_AVX512    2688U

void cpu_init(struct cpu *cpu, uint64_t hwcap2)
{
    uint32_t a, b, c = 0, d;
    cpu->fsgsbase = hwcap2 & HWCAP2_FSGSBASE;
    cpu->simd_mask = 0;
    cpu->simd_bytes = BYTES_LEGACY;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & CPUID_OSXSAVE))
        return;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    cpu->simd_mask = low & XSAVE_USED;
    cpu->simd_bytes = cpu->simd_mask & XSAVE_AVX512 ? BYTES_AVX512
                      : cpu->simd_mask & 4          ? BYTES_AVX
                                                    : BYTES_LEGACY;
}
