/* What a handler changes in the context of a call that it interrupts is what the thread goes on with: the
 * result, other registers, whether the call is made again, and where to go instead. Language runtimes and
 * libraries of threads divert what they interrupt so. */
#include "test.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

static int ends[2], done;
static int (*volatile change)(greg_t *, const unsigned char *);
static volatile int changed, through_trampoline;
static sigjmp_buf away;

static int in_call(greg_t *regs)
{
    return regs[REG_RAX] == -EINTR;
}

static int ended_at(greg_t *regs, const unsigned char *pc)
{
    return in_call(regs) && pc[-2] == 0x0f && pc[-1] == 0x05;
}

static int result(greg_t *regs, const unsigned char *pc)
{
    (void)pc;
    if (!in_call(regs))
        return 0;
    regs[REG_RAX] = -EXFULL;
    return 1;
}

static int callee_saved(greg_t *regs, const unsigned char *pc)
{
    if (!ended_at(regs, pc) || regs[REG_R12] != 1234)
        return 0;
    regs[REG_R12] = 4321;
    return 1;
}

static int another_call(greg_t *regs, const unsigned char *pc)
{
    if (!ended_at(regs, pc))
        return 0;
    regs[REG_RIP] -= 2;
    regs[REG_RAX] = SYS_getpid;
    return 1;
}

static int no_restart(greg_t *regs, const unsigned char *pc)
{
    if (regs[REG_RAX] != SYS_read || pc[0] != 0x0f || pc[1] != 0x05)
        return 0;
    regs[REG_RIP] += 2;
    regs[REG_RAX] = 77;
    return 1;
}

static void landing(void)
{
    siglongjmp(away, 1);
}

static void divert(greg_t *regs, void (*to)(void))
{
    regs[REG_RSP] = (regs[REG_RSP] - 256) / 16 * 16 - 8; /* as after a call */
    regs[REG_RIP] = (greg_t)(uintptr_t)to;
}

static int elsewhere(greg_t *regs, const unsigned char *pc)
{
    (void)pc;
    if (!in_call(regs))
        return 0;
    divert(regs, landing);
    return 1;
}

static __attribute__((used)) void visited(void)
{
    through_trampoline++;
    usleep(1000);
}

/* Returns to what was interrupted, with all registers as they were. */
void trampoline(void);
__asm__(".pushsection .text\n"
        ".globl trampoline\n"
        "trampoline:\n"
        "    pushfq\n"
        "    pushq %rax\n    pushq %rcx\n    pushq %rdx\n    pushq %rsi\n    pushq %rdi\n"
        "    pushq %r8\n    pushq %r9\n    pushq %r10\n    pushq %r11\n    pushq %rbp\n"
        "    movq %rsp, %rbp\n"
        "    andq $-16, %rsp\n"
        "    call visited\n"
        "    movq %rbp, %rsp\n"
        "    popq %rbp\n    popq %r11\n    popq %r10\n    popq %r9\n    popq %r8\n"
        "    popq %rdi\n    popq %rsi\n    popq %rdx\n    popq %rcx\n    popq %rax\n"
        "    popfq\n"
        "    ret $128\n" /* the red zone */
        ".popsection\n");

static int detour(greg_t *regs, const unsigned char *pc)
{
    if (!ended_at(regs, pc))
        return 0;
    regs[REG_RSP] -= 128 + 8;
    *(greg_t *)(uintptr_t)regs[REG_RSP] = regs[REG_RIP];
    regs[REG_RIP] = (greg_t)(uintptr_t)trampoline;
    return 1;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)number, (void)info;
    if (!changed)
        changed = change(regs, (const unsigned char *)(uintptr_t)regs[REG_RIP]);
}

static long by_symbol(void)
{
    char byte;
    return read(ends[0], &byte, 1) < 0 ? -errno : 0;
}

static long by_syscall(void)
{
    char byte;
    long got = syscall(SYS_read, ends[0], &byte, 1);
    return got < 0 ? -errno : got;
}

static long by_nanosleep(void)
{
    struct timespec span = span_ms(100000), left = { 0, 0 };
    long got = nanosleep(&span, &left) < 0 ? -errno : 0;
    CHECK(left.tv_sec > 10 && left.tv_sec < 100);
    return got;
}

static long by_poll(void)
{
    return poll(NULL, 0, 100000) < 0 ? -errno : 0;
}

static long by_instruction(void)
{
    char byte;
    long got;
    register long kept __asm__("r12") = 1234;
    __asm__ volatile("movl $0, %%eax\n syscall"
                     : "=&a"(got), "+r"(kept)
                     : "D"(ends[0]), "S"(&byte), "d"(1L)
                     : "rcx", "r11", "memory");
    return got == -EINTR ? kept : got;
}

static void *runs(void *arg)
{
    long (*call)(void) = *(long (**)(void))arg;
    long got = -1;
    if (sigsetjmp(away, 1) == 0) {
        do
            got = call();
        while (!changed);
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    return (void *)got;
}

static void check(const char *what, int flags, int (*how)(greg_t *, const unsigned char *),
                  long (*call)(void), long wanted)
{
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags };
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    change = how;
    changed = done = 0;
    pthread_t thread = start(runs, &call);
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        usleep(1000);
        pthread_kill(thread, SIGUSR1);
    }
    CHECK_EQ((long)join(thread), wanted);
    puts(what);
}

int main(void)
{
    CHECK_EQ(pipe(ends), 0);
    check("the result, by the symbol", 0, result, by_symbol, -EXFULL);
    check("the result, by syscall", 0, result, by_syscall, -EXFULL);
    check("another register", 0, callee_saved, by_instruction, 4321);
    check("another call", 0, another_call, by_syscall, getpid());
    check("no restart", SA_RESTART, no_restart, by_syscall, 77);
    check("elsewhere, by the symbol", 0, elsewhere, by_symbol, -1);
    check("elsewhere, by syscall", 0, elsewhere, by_syscall, -1);
    check("elsewhere, by the instruction", 0, elsewhere, by_instruction, -1);
    check("a detour, by syscall", 0, detour, by_syscall, -EINTR);
    check("a detour, by the symbol", 0, detour, by_symbol, -EINTR);
    check("a detour, from a sleep", 0, detour, by_nanosleep, -EINTR);
    check("a detour, from a poll", SA_RESTART, detour, by_poll, -EINTR);
    printf("visited %d\n", through_trampoline);
    return 0;
}
