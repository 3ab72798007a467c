/* The stack arena: slots, guards, recycling, foreign memory. */
#include "runtime/stack.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/mem.h"
#include "runtime/sys.h"
#include "tests/unit/suite.h"

#define KIB 1024UL
#define MIB (1024 * KIB)

/* Every test runs on this kernel (0) and on one that knows no guard markers (1). */
static void kernel(int which)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_madvise, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 102, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { ARRAY_SIZE(filter), filter };
    if (!which)
        return;
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static uintptr_t map(size_t bytes)
{
    long at = stack_map(bytes);
    must(!sys_is_error(at));
    return (uintptr_t)at;
}

/* As glibc does it: a slot, then writable from @guard on. */
static uintptr_t map_with_guard(size_t bytes, size_t guard)
{
    uintptr_t at = map(bytes);
    must(stack_protect(at + guard, bytes - guard, PROT_READ | PROT_WRITE) == 0);
    return at;
}

/* True when writing at @address kills a child with SIGSEGV. */
static bool faults(uintptr_t address)
{
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile char *)address = 1;
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

START_TEST(slots_are_page_aligned_apart_and_zeroed)
{
    enum { COUNT = 300 };
    kernel(_i);
    uintptr_t at[COUNT];
    for (int i = 0; i < COUNT; i++) {
        at[i] = map(64 * KIB);
        must(at[i] % PAGE_BYTES == 0);
        for (size_t j = 0; j < 64 * KIB; j += 512)
            must(*(char *)(at[i] + j) == 0);
        memset((void *)at[i], i + 1, 64 * KIB);
    }
    for (int i = 0; i < COUNT; i++) {
        must(*(unsigned char *)at[i] == (unsigned char)(i + 1));
        must(*(unsigned char *)(at[i] + 64 * KIB - 1) == (unsigned char)(i + 1));
    }
}
END_TEST

START_TEST(odd_sizes_are_rounded_up_to_pages)
{
    static const size_t sizes[] = { 1,       4095,    4097,         16 * KIB + 1, 80 * KIB,
                                    MIB + 5, 8 * MIB, 10 * MIB + 1, 256 * MIB };
    kernel(_i);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uintptr_t start, at = map(sizes[i]);
        size_t bytes;
        ck_assert(stack_bounds(at + sizes[i] - 1, &start, &bytes));
        ck_assert_uint_eq(start, at);
        ck_assert_uint_eq(bytes, align_up(sizes[i], PAGE_BYTES));
        *(char *)at = 1;
        *(char *)(at + bytes - 1) = 1;
        ck_assert_int_eq(stack_unmap(at, sizes[i]), 0);
    }
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
    kernel(_i);
    ck_assert_int_eq(stack_map(0), -EINVAL);
    ck_assert(sys_is_error(stack_map(1UL << 40)));
}
END_TEST

START_TEST(foreign_memory_is_not_ours)
{
    kernel(_i);
    uintptr_t start, on_stack = (uintptr_t)&start;
    size_t bytes;
    void *heap = malloc(10);
    uintptr_t at = map(64 * KIB);
    ck_assert(stack_owns(at));
    ck_assert(stack_owns(at + 64 * KIB - 1));
    ck_assert(!stack_owns(0));
    ck_assert(!stack_owns(UINTPTR_MAX));
    ck_assert(!stack_owns(on_stack));
    ck_assert(!stack_bounds((uintptr_t)heap, &start, &bytes));
    free(heap);
}
END_TEST

START_TEST(a_guard_faults_and_what_is_above_does_not)
{
    kernel(_i);
    uintptr_t at = map_with_guard(64 * KIB, PAGE_BYTES);
    ck_assert(faults(at));
    ck_assert(faults(at + PAGE_BYTES - 1));
    ck_assert(!faults(at + PAGE_BYTES));
    ck_assert(!faults(at + 64 * KIB - 1));
}
END_TEST

START_TEST(a_guard_stays_with_a_recycled_slot)
{
    kernel(_i);
    uintptr_t at = map_with_guard(64 * KIB, PAGE_BYTES);
    ck_assert_int_eq(stack_unmap(at, 64 * KIB), 0);
    ck_assert_uint_eq(map_with_guard(64 * KIB, PAGE_BYTES), at);
    ck_assert(faults(at));
    ck_assert(!faults(at + PAGE_BYTES));
}
END_TEST

START_TEST(guards_grow_and_shrink)
{
    kernel(_i);
    uintptr_t at = map_with_guard(128 * KIB, 4 * PAGE_BYTES);
    ck_assert(faults(at + 4 * PAGE_BYTES - 1));
    ck_assert_int_eq(stack_protect(at, PAGE_BYTES, PROT_NONE), 0);
    ck_assert(faults(at + 4 * PAGE_BYTES - 1));
    ck_assert_int_eq(stack_protect(at, 128 * KIB, PROT_READ | PROT_WRITE), 0);
    ck_assert(!faults(at));
    ck_assert_int_eq(stack_protect(at, 8 * PAGE_BYTES, PROT_NONE), 0);
    ck_assert(faults(at));
    ck_assert(faults(at + 8 * PAGE_BYTES - 1));
    ck_assert(!faults(at + 8 * PAGE_BYTES));
    ck_assert_int_eq(stack_protect(at + PAGE_BYTES, 124 * KIB, PROT_READ | PROT_WRITE), 0);
    ck_assert(faults(at + PAGE_BYTES - 1));
    ck_assert(!faults(at + PAGE_BYTES));
}
END_TEST

START_TEST(a_guard_in_the_middle_goes_with_the_thread)
{
    kernel(_i);
    uintptr_t at = map_with_guard(64 * KIB, PAGE_BYTES);
    ck_assert_int_eq(stack_protect(at + 32 * KIB, PAGE_BYTES, PROT_NONE), 0);
    ck_assert(faults(at + 32 * KIB));
    ck_assert_int_eq(stack_unmap(at, 64 * KIB), 0);
    ck_assert_uint_eq(map_with_guard(64 * KIB, PAGE_BYTES), at);
    ck_assert(!faults(at + 32 * KIB));
    ck_assert(faults(at));
}
END_TEST

START_TEST(protecting_a_page_and_back_keeps_what_is_there)
{
    kernel(_i);
    uintptr_t at = map_with_guard(64 * KIB, PAGE_BYTES);
    memset((void *)(at + PAGE_BYTES), 0x77, 60 * KIB);
    ck_assert_int_eq(stack_protect(at + 32 * KIB, PAGE_BYTES, PROT_NONE), 0);
    ck_assert(faults(at + 32 * KIB));
    ck_assert_int_eq(stack_protect(at + 32 * KIB, PAGE_BYTES, PROT_READ | PROT_WRITE), 0);
    for (size_t i = PAGE_BYTES; i < 64 * KIB; i++)
        must(*(char *)(at + i) == 0x77);
    ck_assert(!faults(at + PAGE_BYTES));
    ck_assert(faults(at));
}
END_TEST

START_TEST(a_read_only_part_is_writable_again_for_the_next_thread)
{
    kernel(_i);
    uintptr_t at = map_with_guard(64 * KIB, PAGE_BYTES);
    ck_assert_int_eq(stack_protect(at + 8 * KIB, PAGE_BYTES, PROT_READ), 0);
    ck_assert(faults(at + 8 * KIB));
    ck_assert_int_eq(stack_unmap(at, 64 * KIB), 0);
    ck_assert_uint_eq(map_with_guard(64 * KIB, PAGE_BYTES), at);
    ck_assert(!faults(at + 8 * KIB));
    ck_assert(faults(at));
}
END_TEST

START_TEST(an_executable_stack_has_its_guard_and_leaves_none)
{
    kernel(_i);
    uintptr_t at = map(64 * KIB);
    int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;
    ck_assert_int_eq(stack_protect(at + 2 * PAGE_BYTES, 64 * KIB - 2 * PAGE_BYTES, rwx), 0);
    ck_assert(faults(at));
    *(unsigned char *)(at + 2 * PAGE_BYTES) = 0xc3;
    ((void (*)(void))(at + 2 * PAGE_BYTES))();
    ck_assert_int_eq(stack_unmap(at, 64 * KIB), 0);
    ck_assert_uint_eq(map_with_guard(64 * KIB, PAGE_BYTES), at);
    ck_assert(faults(at + PAGE_BYTES - 1));
    ck_assert(!faults(at + PAGE_BYTES));
}
END_TEST

START_TEST(protect_of_an_unaligned_address_is_refused)
{
    kernel(_i);
    uintptr_t at = map(64 * KIB);
    ck_assert_int_eq(stack_protect(at + 5, 100, PROT_READ | PROT_WRITE), -EINVAL);
}
END_TEST

static bool all_zero(uintptr_t from, uintptr_t to)
{
    for (; from < to; from += sizeof(uint64_t)) {
        if (*(uint64_t *)from)
            return false;
    }
    return true;
}

START_TEST(a_recycled_slot_is_wholly_zero_when_nothing_is_known_of_its_top)
{
    kernel(_i);
    uintptr_t at = map(64 * KIB);
    memset((void *)at, 0xff, 64 * KIB);
    ck_assert_int_eq(stack_unmap(at, 64 * KIB), 0);
    ck_assert_uint_eq(map(64 * KIB), at);
    ck_assert(all_zero(at, at + 64 * KIB));
}
END_TEST

START_TEST(the_top_of_a_recycled_slot_is_zero)
{
    kernel(_i);
    stack_set_zeroed_top(5000);
    uintptr_t at = map_with_guard(64 * KIB, PAGE_BYTES);
    memset((void *)(at + PAGE_BYTES), 0xff, 60 * KIB);
    ck_assert_int_eq(stack_unmap(at, 64 * KIB), 0);
    ck_assert_uint_eq(map(64 * KIB), at);
    ck_assert(all_zero(at + 64 * KIB - 5000, at + 64 * KIB));
}
END_TEST

START_TEST(clearing_the_top_keeps_off_a_large_guard)
{
    kernel(_i);
    stack_set_zeroed_top(5000);
    uintptr_t at = map_with_guard(16 * KIB, 12 * KIB);
    ck_assert_int_eq(stack_unmap(at, 16 * KIB), 0);
    ck_assert_uint_eq(map(16 * KIB), at);
    ck_assert(all_zero(at + 12 * KIB, at + 16 * KIB));
}
END_TEST

START_TEST(unmap_wants_a_whole_slot_in_use)
{
    kernel(_i);
    uintptr_t at = map(64 * KIB);
    ck_assert_int_eq(stack_unmap(at + PAGE_BYTES, 60 * KIB), -EINVAL);
    ck_assert_int_eq(stack_unmap(at, 60 * KIB), -EINVAL);
    ck_assert_int_eq(stack_unmap(at, 64 * KIB), 0);
    ck_assert_int_eq(stack_unmap(at, 64 * KIB), -EINVAL);
}
END_TEST

START_TEST(discards_give_memory_back_now_and_then)
{
    kernel(_i);
    uintptr_t at = map(64 * KIB);
    int kept = 0;
    for (int i = 0; i < 64; i++) {
        *(char *)at = 1;
        ck_assert_int_eq(stack_discard(at, 32 * KIB), 0);
        kept += *(char *)at;
    }
    ck_assert_int_gt(kept, 32);
    ck_assert_int_lt(kept, 64);
}
END_TEST

static long resident_kib(void)
{
    long size, resident;
    FILE *statm = fopen("/proc/self/statm", "r");
    must(fscanf(statm, "%ld %ld", &size, &resident) == 2);
    fclose(statm);
    return resident * 4;
}

static int mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    int lines = 0, c;
    while ((c = fgetc(maps)) != EOF)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

START_TEST(many_freed_stacks_do_not_keep_their_memory)
{
    enum { COUNT = 4000 };
    static uintptr_t at[COUNT];
    kernel(_i);
    stack_set_zeroed_top(4096);
    for (int i = 0; i < COUNT; i++) {
        at[i] = map(64 * KIB);
        memset((void *)at[i], 1, 64 * KIB);
    }
    ck_assert_int_gt(resident_kib(), COUNT * 64);
    for (int i = 0; i < COUNT; i++)
        must(stack_unmap(at[i], 64 * KIB) == 0);
    ck_assert_int_lt(resident_kib(), 600 * 64 + 20000);
}
END_TEST

START_TEST(a_hundred_thousand_guarded_stacks_need_few_mappings)
{
    enum { COUNT = 100000 };
    kernel(_i);
    int before = mappings();
    void *page = pages_map(PAGE_BYTES);
    bool markers = madvise(page, PAGE_BYTES, 102 /* MADV_GUARD_INSTALL */) == 0;
    for (int i = 0; i < COUNT; i++) {
        uintptr_t at = map_with_guard(8 * MIB, PAGE_BYTES);
        *(volatile char *)(at + 8 * MIB - 1) = 1;
    }
    ck_assert_int_lt(mappings() - before, markers ? 100 : 50000);
}
END_TEST

START_TEST(slots_are_found_again_after_churn)
{
    enum { COUNT = 500, ROUNDS = 50000 };
    static uintptr_t at[COUNT];
    static unsigned char mark[COUNT];
    unsigned seed = 7;
    kernel(_i);
    stack_set_zeroed_top(64);
    for (int round = 0; round < ROUNDS; round++) {
        seed = seed * 1103515245 + 12345;
        int i = (int)(seed >> 16) % COUNT;
        size_t bytes = (size_t)(1 + i % 5) * 16 * KIB;
        if (at[i]) {
            must(*(unsigned char *)(at[i] + bytes - 1) == mark[i]);
            must(stack_unmap(at[i], bytes) == 0);
            at[i] = 0;
        } else {
            at[i] = map(bytes);
            must(*(unsigned char *)(at[i] + bytes - 1) == 0);
            *(unsigned char *)(at[i] + bytes - 1) = mark[i] = (unsigned char)(seed >> 24 | 1);
        }
    }
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE(
        "stack", slots_are_page_aligned_apart_and_zeroed, odd_sizes_are_rounded_up_to_pages,
        impossible_sizes_are_refused, foreign_memory_is_not_ours,
        a_guard_faults_and_what_is_above_does_not, a_guard_stays_with_a_recycled_slot,
        guards_grow_and_shrink, a_guard_in_the_middle_goes_with_the_thread,
        protecting_a_page_and_back_keeps_what_is_there,
        a_read_only_part_is_writable_again_for_the_next_thread,
        an_executable_stack_has_its_guard_and_leaves_none,
        protect_of_an_unaligned_address_is_refused,
        a_recycled_slot_is_wholly_zero_when_nothing_is_known_of_its_top,
        the_top_of_a_recycled_slot_is_zero, clearing_the_top_keeps_off_a_large_guard,
        unmap_wants_a_whole_slot_in_use, discards_give_memory_back_now_and_then,
        many_freed_stacks_do_not_keep_their_memory,
        a_hundred_thousand_guarded_stacks_need_few_mappings, slots_are_found_again_after_churn);
}
