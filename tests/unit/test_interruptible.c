/* System calls that a flag or a kick ends, and bare kernel threads. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/kthread.h"
#include "tests/unit/harness.h"

static volatile uint32_t flag;
static volatile int aborted, kicks;

static void on_kick(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    ucontext_t *interrupted = context;
    uint64_t pc = (uint64_t)interrupted->uc_mcontext.gregs[REG_RIP];
    kicks++;
    if (flag && kthread_abort_call(&pc)) {
        interrupted->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
        aborted++;
    }
}

/* By the kernel's own call: libc keeps this signal to itself. */
static void install_handler(void)
{
    extern void test_restorer(void);
    struct {
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = { on_kick, SA_SIGINFO | SA_RESTART | 0x04000000, test_restorer, 0 };
    ck_assert_int_eq(sys4(__NR_rt_sigaction, KICK_SIGNAL, &action, NULL, 8), 0);
}
__asm__(".text\ntest_restorer: mov $15, %eax; syscall");

static void *kick_soon(void *argument)
{
    int target = *(int *)argument;
    usleep(20000);
    flag = 1;
    while (!aborted && flag) {
        kthread_kick(target);
        usleep(1000);
    }
    return NULL;
}

START_TEST(an_undisturbed_call_is_a_plain_system_call)
{
    int pair[2];
    char byte = 0;
    ck_assert_int_eq(pipe(pair), 0);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    ck_assert_int_eq(sys_interruptible(&flag, __NR_read, pair[0], (long)&byte, 1, 0, 0, 0), 1);
    ck_assert_int_eq(byte, 'x');
    ck_assert_int_eq(sys_interruptible(&flag, __NR_close, -1, 0, 0, 0, 0, 0), -EBADF);
}
END_TEST

START_TEST(all_six_words_arrive)
{
    long page = sys_interruptible(&flag, __NR_mmap, 0, 4096, 3, 0x22, -1, 0);
    ck_assert(!sys_is_error(page));
    *(volatile char *)page = 1;
    ck_assert_int_eq(sys_interruptible(&flag, __NR_mmap, 0, 4096, 3, 0x02, -1, 0), -EBADF);
    ck_assert_int_eq(sys_interruptible(&flag, __NR_mmap, 0, 4096, 3, 0x22, -1, 1), -EINVAL);
}
END_TEST

START_TEST(a_flag_set_before_means_no_call)
{
    flag = 1;
    ck_assert_int_eq(sys_interruptible(&flag, __NR_pause, 0, 0, 0, 0, 0, 0), -ERESTARTSYS);
}
END_TEST

START_TEST(a_kick_ends_a_blocked_call_that_would_restart)
{
    int pair[2], self = gettid();
    char byte;
    pthread_t kicker;
    ck_assert_int_eq(pipe(pair), 0);
    pthread_create(&kicker, NULL, kick_soon, &self);
    install_handler(); /* after the first pthread_create, which installs libc's */
    ck_assert_int_eq(sys_interruptible(&flag, __NR_read, pair[0], (long)&byte, 1, 0, 0, 0),
                     -ERESTARTSYS);
    ck_assert_int_eq(aborted, 1);
    pthread_join(kicker, NULL);
}
END_TEST

START_TEST(only_the_calls_own_range_is_aborted)
{
    uint64_t pc = (uint64_t)sys_interruptible_begin - 1;
    ck_assert(!kthread_abort_call(&pc));
    pc = (uint64_t)sys_interruptible_end; /* it has taken effect */
    ck_assert(!kthread_abort_call(&pc));
    pc = (uint64_t)sys_interruptible_end - 2; /* the instruction: before, or to be restarted */
    ck_assert(kthread_abort_call(&pc));
    ck_assert_uint_eq(pc, (uint64_t)sys_interruptible_abort);
}
END_TEST

/* ---- kernel threads ---- */

static struct kthread thread;
static volatile uint32_t seen_tid;
static volatile uint64_t seen_gs, seen_mask;
static char seen_name[16];

static void look_around(void *argument)
{
    uint64_t mask = 0;
    seen_gs = gs_base_get(&runtime.cpu);
    sys4(__NR_rt_sigprocmask, 0, NULL, &mask, 8);
    sys2(__NR_prctl, 16 /* PR_GET_NAME */, seen_name);
    seen_mask = mask;
    *(volatile uint32_t *)argument = (uint32_t)sys0(__NR_gettid);
}

START_TEST(a_kernel_thread_has_gs_a_name_and_all_but_the_kick_blocked)
{
    uint64_t before, after;
    cpu_init(&runtime.cpu, 2);
    sys4(__NR_rt_sigprocmask, 0, NULL, &before, 8);
    long tid = kthread_start(&thread, "coro-test", look_around, (void *)&seen_tid);
    ck_assert_int_gt(tid, 0);
    sys4(__NR_rt_sigprocmask, 0, NULL, &after, 8);
    ck_assert_uint_eq(before, after);
    while (!seen_tid)
        usleep(1000);
    ck_assert_uint_eq(seen_tid, tid);
    ck_assert_uint_eq(seen_gs, (uint64_t)&thread);
    ck_assert_ptr_eq(thread.self, &thread);
    ck_assert_uint_eq(thread.tid, tid);
    ck_assert_ptr_null(thread.carrier);
    ck_assert_str_eq(seen_name, "coro-test");
    uint64_t unblockable = 1u << (SIGKILL - 1) | 1u << (SIGSTOP - 1);
    ck_assert_uint_eq(seen_mask | unblockable, ~(UINT64_C(1) << (KICK_SIGNAL - 1)));
    while (sys2(__NR_tkill, tid, 0) == 0)
        usleep(1000); /* it ends by itself when its function returns */
}
END_TEST

int main(void)
{
    RUN_TESTS("interruptible", an_undisturbed_call_is_a_plain_system_call, all_six_words_arrive,
              a_flag_set_before_means_no_call, a_kick_ends_a_blocked_call_that_would_restart,
              only_the_calls_own_range_is_aborted,
              a_kernel_thread_has_gs_a_name_and_all_but_the_kick_blocked);
}
