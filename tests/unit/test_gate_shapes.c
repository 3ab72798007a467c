/* The shapes that inline system calls come in: each is rewritten (or rightly left alone), and keeps
 * every register, the red zone and the vector registers across the call.
 *
 * The shapes are assembly functions in an object of their own (the gate leaves the object that it
 * is linked into alone), which the test assembles, loads and has rewritten. Each is called by
 * run_shape with all registers set to known values, and makes one getppid. */
#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/test_gate_pass.h"

/* In the order that the assembly below stores them; rsp has no place in it. */
struct registers {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

struct registers shape_registers;
void (*shape_function)(void);

void run_shape(void);

__asm__(".text\n"
        ".type run_shape, @function\n"
        "run_shape:\n"
        ".cfi_startproc\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        ".cfi_adjust_cfa_offset 48\n"
        "sub $8, %rsp\n"
        ".cfi_adjust_cfa_offset 8\n"
        ".macro each_register what\n"
        "\\what rax, 0; \\what rbx, 8; \\what rcx, 16; \\what rdx, 24; \\what rsi, 32\n"
        "\\what rdi, 40; \\what rbp, 48; \\what r8, 56; \\what r9, 64; \\what r10, 72\n"
        "\\what r11, 80; \\what r12, 88; \\what r13, 96; \\what r14, 104; \\what r15, 112\n"
        ".endm\n"
        ".macro load name, offset\n"
        "mov \\offset + shape_registers(%rip), %\\name\n"
        ".endm\n"
        ".macro store name, offset\n"
        "mov %\\name, \\offset + shape_registers(%rip)\n"
        ".endm\n"
        "each_register load\n"
        "call *shape_function(%rip)\n"
        "each_register store\n"
        "add $8, %rsp\n"
        ".cfi_adjust_cfa_offset -8\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        ".cfi_adjust_cfa_offset -48\n"
        "ret\n"
        ".cfi_endproc\n");

#define WORD 0x5eed

static const struct shape {
    const char *name, *body;
} shapes[] = {
    { "mov_before", "mov $110, %eax; syscall; ret" },
    { "cmp_after", "syscall; cmp $-4096, %rax; ja 1f; ret; 1: xor %eax, %eax; ret" },
    { "exit_loop", "nop; 1: mov %edx, %eax; syscall; jmp 2f; hlt; 2: ret" },
    { "number_in_memory", "mov shape_number(%rip), %eax; syscall; ret" },
    { "rip_after", "call 1f; 1: add $8, %rsp; jmp 2f; nop; 2: syscall;"
                   "mov shape_word(%rip), %rbx; ret" },
    { "rip_with_immediate_after", "jmp 2f; nop; 2: syscall; cmpl $0x5eed, shape_word(%rip);"
                                  "je 3f; xor %eax, %eax; 3: ret" },
    { "short_condition_after", "jmp 2f; nop; 2: syscall; test %rax, %rax; jle 3f; ret;"
                               "3: xor %eax, %eax; ret" },
    { "middle_is_target", "test %rdi, %rdi; jnz 1f; mov $110, %eax; 1: syscall;"
                          "cmp $-4096, %rax; ja 2f; 2: ret" },
    { "after_is_target", "test %rdi, %rdi; jnz 1f; mov $0, %esi; mov %edx, %eax; syscall;"
                         "1: mov %rsi, %rbx; ret" },
    { "stack_after", "push %rdi; jmp 2f; nop; 2: syscall; pop %rbx; nop; nop; ret" },
    { "short_gap", "jmp 2f; nop; 2: syscall; 3: nop; ret; jmp 3b" },
    { "flags_live", "cmp %rdi, %rdi; mov $110, %eax; syscall; je 1f; xor %eax, %eax; 1: ret" },
    { "red_zone", "mov %rdi, -8(%rsp); mov %rsi, -64(%rsp); mov %rdx, -128(%rsp);"
                  "mov $110, %eax; syscall;"
                  "mov -8(%rsp), %rbx; mov -64(%rsp), %r12; mov -128(%rsp), %r13; ret" },
    { "vector", "movq %rdi, %xmm0; movq %rsi, %xmm15; movq %rdx, %xmm7; mov $110, %eax; syscall;"
                "movq %xmm0, %rbx; movq %xmm15, %r12; movq %xmm7, %r13; ret" },
    { "odd_stack", "sub $4, %rsp; mov $110, %eax; syscall; add $4, %rsp; ret" },
    /* Enters at `1`, through a table, when rdi is 1. */
    { "jump_table",
      "lea 9f(%rip), %r8; movslq (%r8,%rdi,4), %r9; add %r8, %r9; jmp *%r9; nop;"
      "2: syscall; 1: xor %esi, %esi; xor %r10d, %r10d; 3: mov $7, %ebx; ret;"
      ".pushsection .rodata; .p2align 2; 9: .long 2b - 9b, 1b - 9b, 3b - 9b; .popsection" },
    /* shape_cold jumps to the place behind the instruction, as the cold part of a function does. */
    { "hot", "jmp 2f; nop; 2: syscall; shape_hot_back: xor %esi, %esi; xor %r10d, %r10d;"
             "mov $9, %ebx; ret" },
    { "cold", "mov $5, %eax; .byte 0xe9; .long shape_hot_back - . - 4" },
    /* The bytes 0f 05 inside an immediate must not be taken for the instruction. */
    { "false_bytes", "mov $0x050f0000, %eax; add $0x50f, %eax; ret" },
};

static void *shapes_object;

/* Assembles the shapes, each a function with an entry in the unwind table, and loads them. */
static void load_shapes(void)
{
    char path[] = "/tmp/gate_shapes.XXXXXX", command[128];
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    snprintf(command, sizeof(command), "cc -shared -nostdlib -o %s -x assembler -", path);
    FILE *assembler = popen(command, "w");
    ck_assert_ptr_nonnull(assembler);
    fputs(".data\nshape_word: .quad 0x5eed\nshape_number: .long 110\n.text\n", assembler);
    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
        fprintf(assembler,
                ".p2align 4\n.globl %s\n.type %s, @function\n%s:\n.cfi_startproc\n%s\n"
                ".cfi_endproc\n.size %s, . - %s\n",
                shapes[i].name, shapes[i].name, shapes[i].name, shapes[i].body, shapes[i].name,
                shapes[i].name);
    fputs(".section .note.GNU-stack, \"\", @progbits\n", assembler);
    ck_assert_int_eq(pclose(assembler), 0);
    shapes_object = dlopen(path, RTLD_NOW);
    unlink(path);
    ck_assert_msg(shapes_object != NULL, "%s", dlerror());
}

static volatile unsigned seen;

static void count_inline(struct gate_frame *frame)
{
    if (frame->rax == __NR_getppid && !gate_site_in_libc(frame->site))
        seen++;
}

static void use_shape(const char *name)
{
    shape_function = (void (*)(void))dlsym(shapes_object, name);
    ck_assert_msg(shape_function != NULL, "no shape %s", name);
}

static struct registers run(const char *shape, uint64_t number)
{
    struct registers before;
    uint64_t *words = (uint64_t *)&before;
    for (size_t i = 0; i < sizeof(before) / 8; i++)
        words[i] = 0x1111111111111111UL * (i + 1);
    before.rax = number;
    before.rdx = number;
    before.rdi = 0;
    shape_registers = before;
    use_shape(shape);
    seen = 0;
    run_shape();
    return before;
}

static uint64_t parent(void)
{
    return (uint64_t)sys0(__NR_getppid);
}

/* Registers that a shape may change besides rcx and r11, by mask of their index. */
#define MAY_CHANGE(register) (1U << (offsetof(struct registers, register) / 8))

static void check_kept(const char *shape, const struct registers *before, unsigned may_change)
{
    const uint64_t *old = (const uint64_t *)before, *now = (const uint64_t *)&shape_registers;
    may_change |= MAY_CHANGE(rax) | MAY_CHANGE(rcx) | MAY_CHANGE(r11);
    for (size_t i = 0; i < sizeof(*before) / 8; i++)
        if (!(may_change >> i & 1))
            ck_assert_msg(old[i] == now[i], "%s changed register %zu", shape, i);
}

static void check_passes(const char *shape, unsigned may_change)
{
    struct registers before = run(shape, __NR_getppid);
    ck_assert_msg(seen == 1, "%s did not pass", shape);
    ck_assert_uint_eq(shape_registers.rax, parent());
    check_kept(shape, &before, may_change);
}

static void open_gate(void)
{
    load_shapes();
    ck_assert_int_eq(gate_arm(), 2);
    ck_assert_int_eq(gate_open(false), 0);
    gate_hook = count_inline;
}

START_TEST(plain_shapes_pass_and_keep_all_registers)
{
    check_passes("mov_before", 0);
    check_passes("cmp_after", 0);
    check_passes("exit_loop", 0);
    check_passes("number_in_memory", 0);
    check_passes("short_condition_after", 0);
    check_passes("odd_stack", 0);
}
END_TEST

START_TEST(displaced_rip_relative_operands_still_name_their_data)
{
    check_passes("rip_after", MAY_CHANGE(rbx));
    ck_assert_uint_eq(shape_registers.rbx, WORD);
    check_passes("rip_with_immediate_after", 0);
}
END_TEST

START_TEST(displaced_stack_operations_see_the_callers_stack)
{
    struct registers before = run("stack_after", __NR_getppid);
    ck_assert_uint_eq(seen, 1);
    ck_assert_uint_eq(shape_registers.rbx, before.rdi);
}
END_TEST

START_TEST(jump_to_the_instruction_itself_passes)
{
    check_passes("middle_is_target", 0);
    shape_registers.rdi = 1;
    shape_registers.rax = __NR_getppid;
    run_shape();
    ck_assert_uint_eq(seen, 2);
}
END_TEST

static void check_entry(const char *shape, uint64_t rdi, uint64_t rbx)
{
    use_shape(shape);
    shape_registers.rdi = rdi;
    shape_registers.rax = __NR_getppid;
    shape_registers.rdx = __NR_getppid;
    shape_registers.rsi = 77;
    run_shape();
    ck_assert_uint_eq(shape_registers.rbx, rbx);
}

START_TEST(jump_targets_behind_the_instruction_are_kept)
{
    check_entry("after_is_target", 0, 0);
    check_entry("after_is_target", 1, 77);
    check_entry("jump_table", 0, 7);
    check_entry("jump_table", 1, 7);
    check_entry("hot", 0, 9);
    check_entry("cold", 0, 9);
}
END_TEST

START_TEST(short_gaps_and_live_flags_stay_raw)
{
    struct registers before = run("short_gap", __NR_getppid);
    ck_assert_uint_eq(seen, 0);
    ck_assert_uint_eq(shape_registers.rax, parent());
    check_kept("raw", &before, 0);
    before = run("flags_live", __NR_getppid);
    ck_assert_uint_eq(seen, 0);
    ck_assert_uint_eq(shape_registers.rax, parent());
    check_kept("raw", &before, 0);
}
END_TEST

START_TEST(red_zone_and_vector_registers_are_kept)
{
    struct registers before = run("red_zone", __NR_getppid);
    ck_assert_uint_eq(seen, 1);
    ck_assert_uint_eq(shape_registers.rbx, before.rdi);
    ck_assert_uint_eq(shape_registers.r12, before.rsi);
    ck_assert_uint_eq(shape_registers.r13, before.rdx);
    before = run("vector", __NR_getppid);
    ck_assert_uint_eq(seen, 1);
    ck_assert_uint_eq(shape_registers.rbx, before.rdi);
    ck_assert_uint_eq(shape_registers.r12, before.rsi);
    ck_assert_uint_eq(shape_registers.r13, before.rdx);
}
END_TEST

START_TEST(chance_bytes_are_left_alone)
{
    run("false_bytes", 0);
    ck_assert_uint_eq(shape_registers.rax, 0x050f050f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate_shapes");
    TCase *opened = tcase_create("opened");
    tcase_set_timeout(opened, 60);
    tcase_add_checked_fixture(opened, open_gate, NULL);
    tcase_add_test(opened, plain_shapes_pass_and_keep_all_registers);
    tcase_add_test(opened, displaced_rip_relative_operands_still_name_their_data);
    tcase_add_test(opened, displaced_stack_operations_see_the_callers_stack);
    tcase_add_test(opened, jump_to_the_instruction_itself_passes);
    tcase_add_test(opened, jump_targets_behind_the_instruction_are_kept);
    tcase_add_test(opened, short_gaps_and_live_flags_stay_raw);
    tcase_add_test(opened, red_zone_and_vector_registers_are_kept);
    tcase_add_test(opened, chance_bytes_are_left_alone);
    suite_add_tcase(suite, opened);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
