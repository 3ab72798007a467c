/* Offloading: blocking calls on helpers while the carrier goes on, their results, giving up. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/kthread.h"
#include "runtime/offload.h"
#include "tests/unit/harness.h"

struct call {
    long nr, argument[6], result;
    bool done, finite;
    struct co *co;
};

static void make_call(void *argument)
{
    struct call *call = argument;
    call->result = (call->finite ? offload_finite : offload_call)(call->nr, call->argument);
    call->done = true;
}

static void spawn_call(struct call *call, long nr, long a, long b, long c)
{
    *call = (struct call){ .nr = nr, .argument = { a, b, c } };
    call->co = harness_spawn(make_call, call);
}

START_TEST(results_and_errors_come_back)
{
    struct call call;
    harness_start(&poll_epoll);
    spawn_call(&call, __NR_getpid, 0, 0, 0);
    harness_join();
    ck_assert_int_eq(call.result, getpid());
    spawn_call(&call, __NR_close, -1, 0, 0);
    harness_join();
    ck_assert_int_eq(call.result, -EBADF);
    long page = offload_call(__NR_mmap, (const long[]){ 0, 4096, 3, 0x22, -1, 0 });
    ck_assert(!sys_is_error(page));
    ck_assert_int_eq(*(char *)page, 0);
}
END_TEST

static long add_tid(struct offload_job *job)
{
    while (job->argument[0] < 0 && !job->interrupted)
        usleep(1000);
    return gettid() + job->argument[0];
}

START_TEST(functions_run_on_another_kernel_thread)
{
    harness_start(&poll_epoll);
    long tid = offload_run(add_tid, 0);
    ck_assert_int_ne(tid, gettid());
    ck_assert_int_eq(offload_run(add_tid, 7), tid + 7); /* idle before its result came */
}
END_TEST

static void run_until_told(void *argument)
{
    *(long *)argument = offload_run(add_tid, -1);
}

START_TEST(a_function_is_told_to_give_up)
{
    long result = 0;
    harness_start(&poll_epoll);
    struct co *co = harness_spawn(run_until_told, &result);
    while (!co->job || !co->job->helper_tid)
        sched_yield_polling();
    offload_interrupt(co->job);
    harness_join();
    ck_assert_int_gt(result, 0);
}
END_TEST

START_TEST(calls_run_on_another_kernel_thread_that_is_used_again)
{
    harness_start(&poll_epoll);
    const long none[6] = { 0 };
    ck_assert_uint_eq(offload_helpers(), 0);
    long tid = offload_call(__NR_gettid, none);
    ck_assert_int_ne(tid, gettid());
    for (int i = 0; i < 200; i++) {
        usleep(i < 3 ? 10000 : 100); /* time for the helper to be idle again */
        offload_call(__NR_gettid, none);
    }
    ck_assert_uint_ge(offload_helpers(), 1);
    ck_assert_uint_lt(offload_helpers(), 10);
}
END_TEST

static volatile bool stop;

static void keep_running(void *argument)
{
    while (!stop) {
        ++*(uint64_t *)argument;
        sched_yield_co();
    }
}

START_TEST(others_run_while_a_call_blocks)
{
    struct timespec time = { 0, 50000000 };
    struct call call;
    uint64_t turns = 0;
    harness_start(&poll_epoll);
    harness_spawn(keep_running, &turns);
    spawn_call(&call, __NR_nanosleep, (long)&time, 0, 0);
    while (!call.done)
        sched_yield_co();
    stop = true;
    harness_join();
    ck_assert_int_eq(call.result, 0);
    ck_assert_uint_gt(turns, 1000);
}
END_TEST

START_TEST(many_calls_block_at_the_same_time)
{
    enum { CALLS = 100 };
    static struct call calls[CALLS];
    struct timespec time = { 0, 200000000 };
    harness_start(&poll_epoll);
    uint64_t start = harness_now_ns();
    for (int i = 0; i < CALLS; i++)
        spawn_call(&calls[i], __NR_nanosleep, (long)&time, 0, 0);
    harness_join();
    ck_assert_uint_ge(harness_now_ns() - start, 200 * NSEC_PER_MSEC);
    ck_assert_uint_lt(harness_now_ns() - start, 5 * NSEC_PER_SEC);
    ck_assert_uint_eq(offload_helpers(), CALLS);
    for (int i = 0; i < CALLS; i++)
        must(calls[i].done && calls[i].result == 0);
}
END_TEST

START_TEST(a_waiting_call_says_so)
{
    struct timespec time = { 0, 20000000 };
    struct call call;
    harness_start(&poll_epoll);
    spawn_call(&call, __NR_nanosleep, (long)&time, 0, 0);
    sched_yield_co();
    ck_assert_uint_eq(call.co->wait.kind, WAIT_OFFLOAD);
    ck_assert_uint_eq(call.co->wait.nr, __NR_nanosleep);
    ck_assert_ptr_nonnull(call.co->job);
    harness_join();
}
END_TEST

START_TEST(another_wake_does_not_end_a_call)
{
    struct timespec time = { 0, 20000000 };
    struct call call;
    harness_start(&poll_epoll);
    uint64_t start = harness_now_ns();
    spawn_call(&call, __NR_nanosleep, (long)&time, 0, 0);
    sched_yield_co();
    ck_assert(sched_wake(call.co, -ERESTARTSYS));
    harness_join();
    ck_assert_int_eq(call.result, 0);
    ck_assert_uint_ge(harness_now_ns() - start, 20 * NSEC_PER_MSEC);
}
END_TEST

/* ---- giving up ---- */

static void on_kick(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    ucontext_t *interrupted = context;
    uint64_t pc = (uint64_t)interrupted->uc_mcontext.gregs[REG_RIP];
    if (kthread_abort_call(&pc))
        interrupted->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

void offload_restorer(void);
__asm__(".text\noffload_restorer: mov $15, %eax; syscall");

static void install_handler(void)
{
    struct {
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = { on_kick, SA_SIGINFO | SA_RESTART | 0x04000000, offload_restorer, 0 };
    ck_assert_int_eq(sys4(__NR_rt_sigaction, KICK_SIGNAL, &action, NULL, 8), 0);
}

START_TEST(an_interrupted_call_asks_to_be_restarted)
{
    struct call call;
    int pair[2];
    char byte;
    harness_start(&poll_epoll);
    install_handler();
    ck_assert_int_eq(pipe(pair), 0);
    for (int i = 0; i < 200; i++) {
        spawn_call(&call, __NR_read, pair[0], (long)&byte, 1);
        sched_yield_co();
        if (i % 2)
            usleep((useconds_t)(rand() % 500));
        offload_interrupt(call.co->job);
        harness_join();
        ck_assert_int_eq(call.result, -ERESTARTSYS);
    }
}
END_TEST

START_TEST(a_call_that_has_taken_effect_keeps_its_result)
{
    struct call call;
    int pair[2];
    char byte;
    harness_start(&poll_epoll);
    install_handler();
    ck_assert_int_eq(pipe(pair), 0);
    for (int i = 0; i < 200; i++) {
        spawn_call(&call, __NR_read, pair[0], (long)&byte, 1);
        sched_yield_co();
        ck_assert_int_eq(write(pair[1], "x", 1), 1);
        usleep((useconds_t)(rand() % 200));
        if (call.co->job)
            offload_interrupt(call.co->job);
        harness_join();
        if (call.result == -ERESTARTSYS) /* then the byte is still there */
            call.result = read(pair[0], &byte, 1);
        ck_assert_int_eq(call.result, 1);
    }
}
END_TEST

START_TEST(finite_calls_run_a_few_at_a_time_in_order)
{
    enum { CALLS = 9 };
    static struct call calls[CALLS];
    struct timespec time = { 0, 20000000 };
    harness_start(&poll_epoll);
    offload_set_bound(3);
    uint64_t start = harness_now_ns();
    for (int i = 0; i < CALLS; i++) {
        spawn_call(&calls[i], __NR_nanosleep, (long)&time, 0, 0);
        calls[i].finite = true;
    }
    harness_join();
    ck_assert_uint_ge(harness_now_ns() - start, 60 * NSEC_PER_MSEC);
    ck_assert_uint_le(offload_helpers(), 4);
    for (int i = 0; i < CALLS; i++)
        must(calls[i].done && calls[i].result == 0);
}
END_TEST

START_TEST(endless_calls_and_finite_ones_never_wait_for_each_other)
{
    enum { CALLS = 40 };
    static struct call endless[CALLS], finite;
    int pair[2];
    char byte;
    harness_start(&poll_epoll);
    offload_set_bound(1);
    ck_assert_int_eq(pipe(pair), 0);
    for (int i = 0; i < CALLS; i++)
        spawn_call(&endless[i], __NR_read, pair[0], (long)&byte, 1);
    spawn_call(&finite, __NR_getppid, 0, 0, 0);
    finite.finite = true;
    while (!finite.done)
        sched_yield_co();
    ck_assert_uint_ge(offload_helpers(), CALLS);
    spawn_call(&finite, __NR_write, pair[1], (long)"0123456789012345678901234567890123456789",
               CALLS);
    harness_join();
    for (int i = 0; i < CALLS; i++)
        must(endless[i].done && endless[i].result == 1);
}
END_TEST

START_TEST(idle_helpers_end)
{
    enum { CALLS = 5 };
    static struct call calls[CALLS];
    struct timespec time = { 0, 10000000 };
    harness_start(&poll_epoll);
    for (int i = 0; i < CALLS; i++)
        spawn_call(&calls[i], __NR_nanosleep, (long)&time, 0, 0);
    harness_join();
    ck_assert_uint_eq(offload_helpers(), CALLS);
    for (int i = 0; i < 1000 && offload_helpers(); i++)
        usleep(10000);
    ck_assert_uint_eq(offload_helpers(), 0);
    spawn_call(&calls[0], __NR_getppid, 0, 0, 0);
    harness_join();
    ck_assert_int_eq(calls[0].result, getppid());
}
END_TEST

START_TEST(renewed_helpers_are_new_kernel_threads)
{
    const long none[6] = { 0 };
    harness_start(&poll_epoll);
    long before = offload_call(__NR_gettid, none);
    offload_renew();
    ck_assert_int_ne(offload_call(__NR_gettid, none), before);
    while (offload_helpers() > 1)
        usleep(1000);
}
END_TEST

START_TEST(a_child_of_a_fork_has_helpers_of_its_own)
{
    int status;
    const long none[6] = { 0 };
    harness_start(&poll_epoll);
    offload_call(__NR_gettid, none);
    pid_t pid = fork();
    if (pid == 0) {
        runtime_reset();
        offload_reset();
        must(offload_helpers() == 0);
        harness_start(poll_set);
        must(offload_call(__NR_getppid, none) == getppid());
        must(offload_helpers() == 1);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(offload_call(__NR_getpid, none), getpid());
}
END_TEST

START_TEST(calls_by_the_thousand)
{
    enum { CALLERS = 50, CALLS = 200 };
    static struct call calls[CALLERS];
    harness_start(&poll_epoll);
    for (int round = 0; round < CALLS; round++) {
        for (int i = 0; i < CALLERS; i++)
            spawn_call(&calls[i], __NR_getppid, 0, 0, 0);
        harness_join();
        for (int i = 0; i < CALLERS; i++)
            must(calls[i].result == getppid());
    }
}
END_TEST

int main(void)
{
    RUN_TESTS(
        "offload", results_and_errors_come_back, functions_run_on_another_kernel_thread,
        a_function_is_told_to_give_up, calls_run_on_another_kernel_thread_that_is_used_again,
        others_run_while_a_call_blocks, many_calls_block_at_the_same_time, a_waiting_call_says_so,
        another_wake_does_not_end_a_call, an_interrupted_call_asks_to_be_restarted,
        a_call_that_has_taken_effect_keeps_its_result, finite_calls_run_a_few_at_a_time_in_order,
        endless_calls_and_finite_ones_never_wait_for_each_other, idle_helpers_end,
        renewed_helpers_are_new_kernel_threads, a_child_of_a_fork_has_helpers_of_its_own,
        calls_by_the_thousand);
}
