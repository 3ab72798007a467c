/* Stacks for observers: registers and memory of parked threads, the running one's on demand. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "runtime/kthread.h"
#include "runtime/monitor.h"
#include "runtime/snapshot.h"
#include "runtime/stack_info.h"
#include "tests/unit/harness.h"

static _Alignas(8) unsigned char out[64 * 1024];
static unsigned char again[sizeof(out)];
static uint32_t count;
static int more;

#define MARK UINT64_C(0x6d61726b6d61726b)

static void park_with_a_mark(void *argument)
{
    volatile uint64_t mark = MARK;
    sched_park(DEADLINE_NEVER);
    *(uint64_t *)argument = mark;
}

static uint64_t unmarked;

static const struct co_stack_info *stack_of(uint64_t id, uint32_t max)
{
    const struct co_stack_info *info = (void *)out;
    co_stacks(0, id, max, out, sizeof(out), &count, &more);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(info->id, id);
    return info;
}

static void set_up(int parked)
{
    harness_start(&poll_script);
    for (int i = 0; i < parked; i++)
        harness_spawn(park_with_a_mark, &unmarked);
    sched_yield_co();
}

START_TEST(a_parked_thread_has_registers_and_memory)
{
    set_up(1);
    const struct co_stack_info *info = stack_of(2, 4096);
    uint64_t sp = info->registers[REGISTER_RSP];
    ck_assert_uint_eq(info->state, CO_PARKED);
    ck_assert_uint_eq(info->slices, 1);
    ck_assert_uint_ne(info->registers[REGISTER_RIP], 0);
    ck_assert_uint_eq(sp, (uintptr_t)co_by_tid(runtime.tid_base)->sp + 64);
    ck_assert_uint_gt(info->memory_bytes, 0);
    ck_assert(memmem(info + 1, info->memory_bytes, &(uint64_t){ MARK }, 8) != NULL);
    ck_assert_uint_eq(co_memory(again, sp, info->memory_bytes), info->memory_bytes);
    ck_assert_int_eq(memcmp(info + 1, again, info->memory_bytes), 0);
}
END_TEST

START_TEST(memory_ends_where_the_stack_does_or_the_caller_says)
{
    set_up(1);
    const struct co *co = co_by_tid(runtime.tid_base);
    const struct co_stack_info *info = stack_of(2, 32768);
    ck_assert_uint_eq(info->registers[REGISTER_RSP] + info->memory_bytes,
                      co->stack_base + co->stack_bytes);
    ck_assert_uint_eq(stack_of(2, 64)->memory_bytes, 64);
}
END_TEST

START_TEST(an_unknown_thread_has_none)
{
    set_up(1);
    ck_assert_uint_eq(co_stacks(0, 3, 4096, out, sizeof(out), &count, &more), 0);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(more, 0);
}
END_TEST

START_TEST(pages_go_on_where_the_last_one_ended)
{
    uint64_t last = 1, seen = 0; /* beyond main, which runs */
    set_up(100);
    do {
        size_t bytes = co_stacks(last, 0, 512, out, 4096, &count, &more), at = 0;
        ck_assert_uint_gt(count, 0);
        ck_assert_uint_le(bytes, 4096);
        for (uint32_t i = 0; i < count; i++, seen++) {
            const struct co_stack_info *info = (void *)(out + at);
            ck_assert_uint_eq(info->id, ++last);
            at += sizeof(*info) + align_up(info->memory_bytes, 8);
        }
        ck_assert_uint_eq(at, bytes);
    } while (more);
    ck_assert_uint_eq(seen, 100);
}
END_TEST

static void on_kick(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    if (snapshot_wanted)
        snapshot_give((uint64_t *)((ucontext_t *)context)->uc_mcontext.gregs);
}

START_TEST(the_running_thread_is_interrupted_for_its_own)
{
    struct kernel_sigaction {
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action;
    struct sigaction usual = { .sa_sigaction = on_kick, .sa_flags = SA_SIGINFO };
    volatile uint64_t mark = MARK + 1;
    set_up(0);
    /* libc refuses to handle its own signal: take what it makes of another one. */
    sigaction(SIGUSR1, &usual, NULL);
    sys4(__NR_rt_sigaction, SIGUSR1, NULL, &action, 8);
    sys4(__NR_rt_sigaction, KICK_SIGNAL, &action, NULL, 8);
    const struct co_stack_info *info = stack_of(1, 32768);
    ck_assert_uint_eq(info->state, CO_RUNNING);
    ck_assert_uint_ne(info->registers[REGISTER_RIP], 0);
    ck_assert_uint_lt(info->registers[REGISTER_RSP], (uintptr_t)&mark);
    ck_assert(memmem(info + 1, info->memory_bytes, (uint64_t *)&mark, 8) != NULL);
    ck_assert_uint_eq(snapshot_wanted, 0);
}
END_TEST

START_TEST(memory_is_read_up_to_the_first_page_that_is_not_there)
{
    char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(pages, 'x', 3 * 4096);
    munmap(pages + 4096, 4096);
    ck_assert_uint_eq(co_memory(out, (uintptr_t)pages + 100, 8192), 4096 - 100);
    ck_assert_int_eq(out[4096 - 101], 'x');
    ck_assert_uint_eq(co_memory(out, (uintptr_t)pages + 4096, 8), 0);
    ck_assert_uint_eq(co_memory(out, 0, 16), 0);
}
END_TEST

int main(void)
{
    RUN_TESTS("stack_info", a_parked_thread_has_registers_and_memory,
              memory_ends_where_the_stack_does_or_the_caller_says, an_unknown_thread_has_none,
              pages_go_on_where_the_last_one_ended, the_running_thread_is_interrupted_for_its_own,
              memory_is_read_up_to_the_first_page_that_is_not_there);
}
