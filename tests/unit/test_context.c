/* Switching contexts: what survives, what a new one finds. */
#include <fenv.h>
#include <stdio.h>

#include "tests/unit/harness.h"

static char stack[64 * 1024] __attribute__((aligned(4096)));
static void *main_sp, *other_sp;
static volatile int steps;

/* Sets the callee-saved registers to @seed + n, switches, and returns how many have changed. */
long switch_with_registers(void **save, void *load, uint64_t seed);
__asm__(".text\n"
        "switch_with_registers:\n"
        "    push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15; push %rdx\n"
        "    mov %rdx, %rbp; lea 1(%rdx), %rbx; lea 2(%rdx), %r12\n"
        "    lea 3(%rdx), %r13; lea 4(%rdx), %r14; lea 5(%rdx), %r15\n"
        "    call context_switch\n"
        "    mov (%rsp), %rdx; xor %eax, %eax; xor %ecx, %ecx\n"
        "    cmp %rdx, %rbp; setne %cl; add %rcx, %rax\n"
        "    inc %rdx; cmp %rdx, %rbx; setne %cl; add %rcx, %rax\n"
        "    inc %rdx; cmp %rdx, %r12; setne %cl; add %rcx, %rax\n"
        "    inc %rdx; cmp %rdx, %r13; setne %cl; add %rcx, %rax\n"
        "    inc %rdx; cmp %rdx, %r14; setne %cl; add %rcx, %rax\n"
        "    inc %rdx; cmp %rdx, %r15; setne %cl; add %rcx, %rax\n"
        "    pop %rdx; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
        "    ret\n");

static void ping(void *argument)
{
    for (;;) {
        steps += *(int *)argument;
        if (switch_with_registers(&other_sp, main_sp, 0x5555000000000000u + (uint64_t)steps))
            steps = -1000000;
    }
}

START_TEST(callee_saved_registers_survive)
{
    int step = 1;
    other_sp = context_prepare(stack + sizeof(stack), ping, &step);
    for (int i = 1; i <= 1000; i++) {
        long lost = switch_with_registers(&main_sp, other_sp, 0x1111000000000000u + (uint64_t)i);
        ck_assert_int_eq(lost, 0);
        ck_assert_int_eq(steps, i);
    }
}
END_TEST

static uintptr_t frame_seen;

static void look_at_stack(void *argument)
{
    *(uint64_t *)argument += 1;
    frame_seen = (uintptr_t)__builtin_frame_address(0);
    char text[64]; /* snprintf uses aligned vector stores */
    ck_assert_int_eq(snprintf(text, sizeof(text), "%.3f", 1.5), 5);
    context_switch(&other_sp, main_sp);
}

START_TEST(a_new_context_has_an_aligned_stack_and_its_argument)
{
    for (int skew = 0; skew < 16; skew++) {
        uint64_t argument = 41;
        clean_stack(stack, sizeof(stack));
        other_sp = context_prepare(stack + sizeof(stack) - skew, look_at_stack, &argument);
        context_switch(&main_sp, other_sp);
        ck_assert_uint_eq(argument, 42);
        ck_assert_uint_eq(frame_seen % 16, 0); /* rbp pushed on a stack as after a call */
        ck_assert_uint_lt(frame_seen, (uintptr_t)stack + sizeof(stack));
        ck_assert_uint_gt(frame_seen, (uintptr_t)stack + sizeof(stack) - 256);
    }
}
END_TEST

static uint32_t mxcsr(void)
{
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static uint16_t control_word(void)
{
    uint16_t value;
    __asm__ volatile("fnstcw %0" : "=m"(value));
    return value;
}

static uint32_t mxcsr_seen;
static uint16_t control_word_seen;

static void change_rounding(void *argument)
{
    (void)argument;
    mxcsr_seen = mxcsr();
    control_word_seen = control_word();
    fesetround(FE_UPWARD);
    context_switch(&other_sp, main_sp);
    mxcsr_seen = mxcsr();
    control_word_seen = control_word();
    context_switch(&other_sp, main_sp);
}

START_TEST(rounding_modes_belong_to_their_context)
{
    fesetround(FE_DOWNWARD);
    uint32_t mine = mxcsr();
    uint16_t my_word = control_word();
    other_sp = context_prepare(stack + sizeof(stack), change_rounding, NULL);
    fesetround(FE_TOWARDZERO);
    context_switch(&main_sp, other_sp);
    ck_assert_uint_eq(mxcsr_seen, mine); /* as they were at context_prepare */
    ck_assert_uint_eq(control_word_seen, my_word);
    ck_assert_int_eq(fegetround(), FE_TOWARDZERO);
    fesetround(FE_TONEAREST);
    context_switch(&main_sp, other_sp);
    ck_assert_uint_eq(mxcsr_seen >> 13 & 3, 2); /* still upwards */
    ck_assert_uint_eq(control_word_seen >> 10 & 3, 2);
    ck_assert_int_eq(fegetround(), FE_TONEAREST);
}
END_TEST

START_TEST(bases_can_be_read_back)
{
    struct cpu with, without = { 0 };
    cpu_init(&with, 2);
    uint64_t fs = fs_base_get(&without);
    ck_assert_uint_ne(fs, 0);
    ck_assert_uint_eq(fs, *(uint64_t *)fs); /* glibc's thread block begins with its own address */
    ck_assert_uint_eq(fs_base_get(&with), fs);
    fs_base_set(&without, fs);
    fs_base_set(&with, fs);
    gs_base_set(&with, (uint64_t)stack);
    ck_assert_uint_eq(gs_base_get(&without), (uint64_t)stack);
    gs_base_set(&without, 0);
    ck_assert_uint_eq(gs_base_get(&with), 0);
}
END_TEST

int main(void)
{
    RUN_TESTS("context", callee_saved_registers_survive,
              a_new_context_has_an_aligned_stack_and_its_argument,
              rounding_modes_belong_to_their_context, bases_can_be_read_back);
}
