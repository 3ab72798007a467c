/* The assembly around signals: our restorer, handlers on another stack, leaving for another stack,
 * continuing a copied signal frame, and copies that may fault. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "runtime/arch/x86_64/context.h"
#include "runtime/arch/x86_64/sigframe.h"
#include "tests/unit/suite.h"

#define STACK_BYTES (128 * 1024)

static char stack[STACK_BYTES] __attribute__((aligned(4096)));

static bool on_stack(const void *address)
{
    return (uintptr_t)address - (uintptr_t)stack < STACK_BYTES;
}

static void install(int signal, void (*handler)(int, siginfo_t *, void *))
{
    struct kernel_sigaction action = { (uintptr_t)handler, SA_SIGINFO | SA_RESTORER_,
                                       (uintptr_t)signal_restorer, 0 };
    ck_assert_int_eq(sys4(__NR_rt_sigaction, signal, &action, NULL, 8), 0);
}

static int handled;
static void *frame_of_handler;

static void count(int signal, siginfo_t *info, void *context)
{
    ck_assert_int_eq(signal, SIGUSR1);
    ck_assert_int_eq(info->si_signo, SIGUSR1);
    ck_assert_ptr_nonnull(context);
    frame_of_handler = __builtin_frame_address(0);
    handled++;
}

START_TEST(a_handler_returns_through_our_restorer)
{
    install(SIGUSR1, count);
    for (int i = 1; i <= 3; i++) {
        raise(SIGUSR1);
        ck_assert_int_eq(handled, i);
    }
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    ck_assert(!sigismember(&mask, SIGUSR1));
}
END_TEST

START_TEST(a_handler_is_called_on_the_stack_that_it_asked_for)
{
    siginfo_t info = { .si_signo = SIGUSR1 };
    ucontext_t context;
    for (uintptr_t skew = 0; skew < 16; skew++) {
        call_handler_on_stack((uintptr_t)count, SIGUSR1, &info, &context,
                              (uintptr_t)stack + STACK_BYTES - skew);
        ck_assert(on_stack(frame_of_handler));
        ck_assert_uint_eq((uintptr_t)frame_of_handler % 16, 0);
    }
    ck_assert_int_eq(handled, 16);
    ck_assert(!on_stack(__builtin_frame_address(0)));
}
END_TEST

static void *main_sp, *gone_sp;

static void look_and_leave(void *argument)
{
    frame_of_handler = __builtin_frame_address(0);
    ++*(int *)argument;
    context_switch(&gone_sp, main_sp);
}

static void jump_away(void *argument)
{
    call_on_stack(look_and_leave, argument, (uintptr_t)stack + STACK_BYTES / 2 - 5);
}

START_TEST(a_call_on_another_stack_leaves_this_one_for_good)
{
    int calls = 0;
    void *sp = context_prepare(stack + STACK_BYTES, jump_away, &calls);
    context_switch(&main_sp, sp);
    ck_assert_int_eq(calls, 1);
    ck_assert((char *)frame_of_handler < stack + STACK_BYTES / 2);
    ck_assert_uint_eq((uintptr_t)frame_of_handler % 16, 0);
}
END_TEST

/* ---- continuing a copied frame ---- */

static struct {
    ucontext_t context;
    char fpstate[16384] __attribute__((aligned(64)));
} copied;
static volatile bool have_copy;

/* As the kernel wrote it: the extended state has a word that says how long it is. */
static void copy_frame(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    memcpy(&copied.context, context, sizeof(copied.context));
    uint32_t bytes = *(uint32_t *)((char *)copied.context.uc_mcontext.fpregs + 464 + 4);
    bytes = bytes ? bytes : 512;
    ck_assert_uint_lt(bytes, sizeof(copied.fpstate));
    memcpy(copied.fpstate, copied.context.uc_mcontext.fpregs, bytes);
    copied.context.uc_mcontext.fpregs = (void *)copied.fpstate;
    have_copy = true;
}

START_TEST(a_copied_frame_continues_where_the_signal_came)
{
    volatile double number = 1.5;
    volatile int times = 0;
    install(SIGUSR2, copy_frame);
    sys2(__NR_tkill, sys0(__NR_gettid), SIGUSR2); /* in this frame, which lives on */
    times++;
    number *= 2;
    ck_assert(have_copy);
    if (times < 5)
        signal_resume(&copied.context);
    ck_assert_int_eq(times, 5);
    ck_assert(number == 48.0);
}
END_TEST

/* ---- copies that may fault ---- */

static int faults;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    ucontext_t *interrupted = context;
    uintptr_t pc = (uintptr_t)interrupted->uc_mcontext.gregs[REG_RIP];
    ck_assert_uint_ge(pc, (uintptr_t)user_copy_begin);
    ck_assert_uint_lt(pc, (uintptr_t)user_copy_end);
    interrupted->uc_mcontext.gregs[REG_RIP] = (greg_t)user_copy_fault;
    faults++;
}

START_TEST(a_copy_of_good_memory_is_a_copy)
{
    char from[100], to[100];
    memset(from, 7, sizeof(from));
    for (size_t bytes = 0; bytes <= sizeof(from); bytes++) {
        memset(to, 0, sizeof(to));
        ck_assert_int_eq(user_copy(to, from, bytes), 0);
        for (size_t i = 0; i < sizeof(to); i++)
            must(to[i] == (i < bytes ? 7 : 0));
    }
}
END_TEST

START_TEST(a_copy_of_bad_memory_is_an_error)
{
    char to[16];
    install(SIGSEGV, on_fault);
    for (size_t bytes = 1; bytes <= sizeof(to); bytes++) {
        ck_assert_int_eq(user_copy(to, (void *)8, bytes), -EFAULT);
        ck_assert_int_eq(user_copy((void *)8, to, bytes), -EFAULT);
    }
    ck_assert_int_eq(faults, 2 * (int)sizeof(to));
    ck_assert_int_eq(user_copy(to, NULL, 0), 0);
}
END_TEST

START_TEST(a_copy_that_runs_off_the_end_is_an_error)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char to[16];
    install(SIGSEGV, on_fault);
    munmap(pages + 4096, 4096);
    ck_assert_int_eq(user_copy(to, pages + 4096 - 8, 8), 0);
    ck_assert_int_eq(user_copy(to, pages + 4096 - 8, 9), -EFAULT);
    ck_assert_int_eq(user_copy(to, pages + 4096 - 2, 4), -EFAULT);
    ck_assert_int_eq(faults, 2);
}
END_TEST

START_TEST(a_touch_leaves_the_word_and_tells_what_cannot_be_written)
{
    uint32_t word = 5;
    uint32_t *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    install(SIGSEGV, on_fault);
    ck_assert_int_eq(user_touch(&word), 0);
    ck_assert_uint_eq(word, 5);
    ck_assert_int_eq(user_touch(page), -EFAULT);
    ck_assert_int_eq(user_touch((uint32_t *)8), -EFAULT);
    ck_assert_int_eq(faults, 2);
}
END_TEST

int main(void)
{
    RUN_TESTS("entry", a_handler_returns_through_our_restorer,
              a_handler_is_called_on_the_stack_that_it_asked_for,
              a_call_on_another_stack_leaves_this_one_for_good,
              a_copied_frame_continues_where_the_signal_came, a_copy_of_good_memory_is_a_copy,
              a_copy_of_bad_memory_is_an_error, a_copy_that_runs_off_the_end_is_an_error,
              a_touch_leaves_the_word_and_tells_what_cannot_be_written);
}
