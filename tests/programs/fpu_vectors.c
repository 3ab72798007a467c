/* Vector registers survive blocking system calls that are made inline (which clobber rcx and r11
 * only) and preemption at any instruction: xmm always, the upper halves where there is AVX, and
 * the mask registers and zmm16 to zmm31 where there is AVX-512. */
#include "test.h"

#include <sys/syscall.h>

#define THREADS 6
#define ROUNDS  60

static const struct timespec nap = { 0, 20000 };

/* The registers are loaded, the thread sleeps and spins, they are stored again: all in one asm
 * statement, so that the compiler cannot save them. */
#define SLEEP                                                                                      \
    "mov %[nanosleep], %%eax\n\t"                                                                  \
    "mov %[nap], %%rdi\n\t"                                                                        \
    "xor %%esi, %%esi\n\t"                                                                         \
    "syscall\n\t"                                                                                  \
    "mov $3000, %%ecx\n"                                                                           \
    "1: dec %%ecx\n\t"                                                                             \
    "jnz 1b\n\t"
#define OPERANDS [in] "r"(in), [out] "r"(out), [nap] "r"(&nap), [nanosleep] "i"(SYS_nanosleep)

static void through_xmm(const unsigned char *in, unsigned char *out)
{
    __asm__ volatile("movdqu (%[in]), %%xmm0\n\t"
                     "movdqu 16(%[in]), %%xmm7\n\t"
                     "movdqu 32(%[in]), %%xmm8\n\t"
                     "movdqu 48(%[in]), %%xmm15\n\t" SLEEP "movdqu %%xmm0, (%[out])\n\t"
                     "movdqu %%xmm7, 16(%[out])\n\t"
                     "movdqu %%xmm8, 32(%[out])\n\t"
                     "movdqu %%xmm15, 48(%[out])\n\t"
                     :
                     : OPERANDS
                     : "rax", "rcx", "rdi", "rsi", "r11", "xmm0", "xmm7", "xmm8", "xmm15",
                       "memory");
}

__attribute__((target("avx"))) static void through_ymm(const unsigned char *in, unsigned char *out)
{
    __asm__ volatile("vmovdqu (%[in]), %%ymm1\n\t"
                     "vmovdqu 32(%[in]), %%ymm14\n\t" SLEEP "vmovdqu %%ymm1, (%[out])\n\t"
                     "vmovdqu %%ymm14, 32(%[out])\n\t"
                     :
                     : OPERANDS
                     : "rax", "rcx", "rdi", "rsi", "r11", "xmm1", "xmm14", "memory");
}

__attribute__((target("avx512f"))) static void through_zmm(const unsigned char *in,
                                                           unsigned char *out)
{
    unsigned mask_in = in[0] | 0x100u, mask_out = 0;
    __asm__ volatile("vmovdqu64 (%[in]), %%zmm20\n\t"
                     "kmovw %[mask_in], %%k3\n\t" SLEEP "vmovdqu64 %%zmm20, (%[out])\n\t"
                     "kmovw %%k3, %[mask_out]\n\t"
                     : [mask_out] "=&r"(mask_out)
                     : OPERANDS, [mask_in] "r"(mask_in)
                     : "rax", "rcx", "rdi", "rsi", "r11", "xmm20", "k3", "memory");
    CHECK_EQ(mask_out, mask_in);
}

static void *keeps_registers(void *arg)
{
    unsigned char in[64], out[64];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 64; i++)
            in[i] = (unsigned char)((long)arg * 41 + round * 7 + i);
        memset(out, 0, sizeof(out));
        through_xmm(in, out);
        CHECK(memcmp(in, out, sizeof(in)) == 0);
        if (__builtin_cpu_supports("avx")) {
            memset(out, 0, sizeof(out));
            through_ymm(in, out);
            CHECK(memcmp(in, out, sizeof(in)) == 0);
        }
        if (__builtin_cpu_supports("avx512f")) {
            memset(out, 0, sizeof(out));
            through_zmm(in, out);
            CHECK(memcmp(in, out, sizeof(in)) == 0);
        }
    }
    return NULL;
}

static void *computes(void *arg)
{
    double sum[4] = { 0 }, step = 1.0 / (double)((long)arg + 1);
    for (int i = 0; i < 4000000; i++)
        sum[i & 3] += step * (i & 7);
    double *result = malloc(sizeof(*result));
    *result = sum[0] + sum[1] + sum[2] + sum[3];
    return result;
}

int main(void)
{
    pthread_t threads[THREADS], computing[THREADS];
    for (long i = 0; i < THREADS; i++) {
        computing[i] = start(computes, (void *)i);
        threads[i] = start(keeps_registers, (void *)i);
    }
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int i = 0; i < THREADS; i++) {
        double *sum = join(computing[i]);
        printf("sum %.17g\n", *sum);
        free(sum);
    }
    puts("vector registers kept");
    return 0;
}
