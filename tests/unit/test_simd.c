/* Vector registers across a call, and a park, that clobber them all. */
#include <cpuid.h>

#include "tests/unit/harness.h"

#define BYTES (32 * 64 + 8 * 8)

/* simd_registers.S */
long keep_xmm(const void *from, void *to, long (*fn)(void *));
long keep_ymm(const void *from, void *to, long (*fn)(void *), uint64_t bytes, uint64_t mask);
long keep_zmm(const void *from, void *to, long (*fn)(void *), uint64_t bytes, uint64_t mask);
void clear_xmm(void);
void clear_ymm(void);
void clear_zmm(void);

static unsigned char in[BYTES], out[BYTES];
static int calls;

static void fill(void)
{
    for (int i = 0; i < BYTES; i++)
        in[i] = (unsigned char)(i * 37 + 11);
}

static long clobber(void *argument)
{
    ck_assert_ptr_eq(argument, out);
    calls++;
    clear_xmm();
    if (__builtin_cpu_supports("avx2"))
        clear_ymm();
    if (__builtin_cpu_supports("avx512bw"))
        clear_zmm();
    return 1L << 40 | 17;
}

static void survives(long result, size_t bytes)
{
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(result, 1L << 40 | 17);
    for (size_t i = 0; i < bytes; i++)
        ck_assert_msg(in[i] == out[i], "byte %zu", i);
}

START_TEST(sse_registers_survive_simd_call_xmm)
{
    fill();
    survives(keep_xmm(in, out, clobber), 16 * 16);
}
END_TEST

START_TEST(avx_registers_survive_simd_call_full)
{
    struct cpu cpu;
    cpu_init(&cpu, 0);
    if (!__builtin_cpu_supports("avx2"))
        return;
    fill();
    survives(keep_ymm(in, out, clobber, cpu.simd_bytes, cpu.simd_mask), 16 * 32);
}
END_TEST

START_TEST(avx512_registers_survive_simd_call_full)
{
    struct cpu cpu;
    cpu_init(&cpu, 0);
    if (!__builtin_cpu_supports("avx512bw"))
        return;
    fill();
    survives(keep_zmm(in, out, clobber, cpu.simd_bytes, cpu.simd_mask), BYTES);
}
END_TEST

START_TEST(the_area_is_large_enough_for_every_component)
{
    struct cpu cpu;
    unsigned a, b, c, d;
    cpu_init(&cpu, 0);
    for (unsigned component = 2; component < 32; component++) {
        if (!(cpu.simd_mask >> component & 1))
            continue;
        __cpuid_count(0xd, component, a, b, c, d);
        ck_assert_uint_le(b + a, cpu.simd_bytes); /* offset and size */
    }
    ck_assert_uint_ge(cpu.simd_bytes, 576);
    ck_assert_uint_eq(cpu.simd_bytes % 64, 0);
}
END_TEST

/* What a wait in the gate does: the coroutine parks with live registers, others clobber them. */
static long park(void *argument)
{
    this_co()->simd = argument == out ? SIMD_FULL : SIMD_XMM;
    sched_yield_co();
    this_co()->simd = SIMD_NONE;
    calls++;
    return 1L << 40 | 17;
}

static void clobber_in_coroutine(void *argument)
{
    clear_xmm();
    if (__builtin_cpu_supports("avx2"))
        clear_ymm();
    ++*(int *)argument;
}

START_TEST(registers_survive_a_park)
{
    int clobbered = 0;
    harness_start(&poll_script);
    if (!__builtin_cpu_supports("avx2"))
        return;
    fill();
    harness_spawn(clobber_in_coroutine, &clobbered);
    long result = keep_ymm(in, out, park, runtime.cpu.simd_bytes, 0);
    ck_assert_int_eq(clobbered, 1);
    survives(result, 16 * 32);
}
END_TEST

int main(void)
{
    RUN_TESTS("simd", sse_registers_survive_simd_call_xmm, avx_registers_survive_simd_call_full,
              avx512_registers_survive_simd_call_full, the_area_is_large_enough_for_every_component,
              registers_survive_a_park);
}
