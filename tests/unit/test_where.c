/* Stacks for the program itself: real ones, and such as would break a careless unwinder. What looks at
 * the runtime is replaced. */
#include "shim/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "interpose/look.h"
#include "runtime/arch/x86_64/registers.h"
#include "tests/unit/suite.h"

/* The linker's would say that the test itself is coroshim's, whose functions are left out. */
const char __ehdr_start[1], end[1];

static uint64_t registers[STACK_REGISTERS]; /* of thread 7 */
static uint64_t own_id;
static char text[65536];

uint64_t look_own_id(void)
{
    return own_id;
}

size_t look_threads(uint64_t after_id, struct co_info *out, size_t max)
{
    if (after_id >= 7 || max < 1)
        return 0;
    memset(out, 0, sizeof(*out));
    out->id = 7;
    strcpy(out->name, "seventh");
    return 1;
}

bool look_registers(uint64_t id, struct co_stack_info *out)
{
    if (id != 7)
        return false;
    memset(out, 0, sizeof(*out));
    out->id = 7;
    memcpy(out->registers, registers, sizeof(registers));
    return true;
}

size_t look_memory(void *to, uintptr_t address, size_t bytes)
{
    struct iovec into = { to, bytes }, from = { (void *)address, bytes };
    ssize_t done = process_vm_readv(getpid(), &into, 1, &from, 1, 0);

    return done > 0 ? (size_t)done : 0;
}

static size_t __attribute__((noinline)) inner(uint64_t id, size_t bytes)
{
    size_t length;

    if (id == 7)
        registers_here(registers);
    length = where_thread(id, text, bytes);
    __asm__ volatile("" ::: "memory"); /* no tail call */
    return length;
}

static size_t __attribute__((noinline)) outer(uint64_t id, size_t bytes)
{
    size_t length = inner(id, bytes);

    __asm__ volatile("" ::: "memory");
    return length;
}

static void names_both(void)
{
    const char *in = strstr(text, "inner"), *out = strstr(text, "outer");

    ck_assert_msg(in != NULL && out != NULL && in < out, "%s", text);
    ck_assert_int_eq(text[0], '[');
    ck_assert_int_eq(text[strlen(text) - 1], ']');
}

START_TEST(the_callers_own_functions_come_innermost_first)
{
    ck_assert_uint_eq(outer(1, sizeof(text)), strlen(text)); /* dormant: thread 1 is all there is */
    names_both();
    own_id = 3;
    outer(3, sizeof(text));
    names_both();
}
END_TEST

START_TEST(another_threads_are_read_from_its_registers)
{
    own_id = 1;
    outer(7, sizeof(text));
    names_both();
}
END_TEST

START_TEST(a_short_buffer_gets_the_beginning_and_the_length_of_all)
{
    char whole[sizeof(text)];
    size_t length = outer(1, sizeof(text));

    strcpy(whole, text);
    for (size_t bytes = 1; bytes < 60; bytes++) {
        memset(text, 'x', 100);
        ck_assert_uint_eq(outer(1, bytes), length);
        ck_assert_uint_eq(strlen(text), bytes - 1);
        must(memcmp(text, whole, bytes - 1) == 0);
        must(text[bytes] == 'x');
    }
    ck_assert_uint_eq(where_thread(1, NULL, 0) > 0, true);
}
END_TEST

START_TEST(an_unknown_thread_is_nowhere)
{
    own_id = 1;
    ck_assert_uint_eq(where_thread(8, text, sizeof(text)), 0);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(broken_stacks_end_the_walk)
{
    unsigned char noise[4096];

    own_id = 1;
    ck_assert(where_thread(7, text, sizeof(text)) > 0);
    ck_assert_str_eq(text, "stack unavailable"); /* no registers */
    registers[REGISTER_RIP] = 0x10;
    where_thread(7, text, sizeof(text));
    ck_assert_str_eq(text, "[0x10]");
    registers[REGISTER_RIP] = (uintptr_t)outer + 1;
    where_thread(7, text, sizeof(text)); /* with a stack at 0 */
    ck_assert_ptr_nonnull(strstr(text, "outer"));
    srand(1);
    for (int i = 0; i < 200; i++) {
        for (size_t j = 0; j < sizeof(noise); j++)
            noise[j] = (unsigned char)rand();
        /* Words that look like return addresses here and there. */
        for (size_t j = 0; j + 8 < sizeof(noise); j += 64)
            *(uintptr_t *)(noise + j) = (uintptr_t)outer + (size_t)rand() % 64;
        for (int j = 0; j < STACK_REGISTERS; j++)
            registers[j] = (uintptr_t)noise + (size_t)rand() % sizeof(noise);
        registers[REGISTER_RIP] = (uintptr_t)inner + (size_t)rand() % 64;
        must(where_thread(7, text, sizeof(text)) > 0);
    }
}
END_TEST

static void see(void *context, uint64_t id, const char *name, const char *where)
{
    ck_assert_uint_eq(id, 7);
    ck_assert_str_eq(name, "seventh");
    ck_assert_ptr_nonnull(strstr(where, "all_threads"));
    ++*(int *)context;
}

static void __attribute__((noinline)) all_threads(void)
{
    int seen = 0;

    registers_here(registers);
    ck_assert_int_eq(where_all(see, &seen), 1);
    ck_assert_int_eq(seen, 1);
}

START_TEST(all_threads_are_visited)
{
    own_id = 1;
    all_threads();
}
END_TEST

int main(void)
{
    RUN_TESTS("where", the_callers_own_functions_come_innermost_first,
              another_threads_are_read_from_its_registers,
              a_short_buffer_gets_the_beginning_and_the_length_of_all, an_unknown_thread_is_nowhere,
              broken_stacks_end_the_walk, all_threads_are_visited);
}
