/* Signals by system call: actions, masks, pending signals, waiting for them and sending them. */
#include "gates.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#define BIT(signal) (UINT64_C(1) << ((signal)-1))
#define NO_TID      0x3ffffffe

struct action { /* the kernel's struct sigaction */
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static volatile int handled;
static int target;

static void handler(int signal)
{
    handled = signal;
}

static int own_tid(void)
{
    return (int)syscall(SYS_gettid);
}

static void set_mask(uint64_t mask)
{
    CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8L), 0);
}

static void send(long signal)
{
    CHECK_EQ(syscall(SYS_tgkill, getpid(), target, (int)signal), 0);
}

static void actions(void)
{
    struct action old = { 0 }, ignore = { .handler = SIG_IGN };
    CHECK_EQ(syscall(SYS_rt_sigaction, SIGUSR2, &ignore, &old, 8L), 0);
    CHECK(old.handler == SIG_DFL);
    CHECK_EQ(syscall(SYS_rt_sigaction, SIGUSR2, &old, &ignore, 8L), 0);
    CHECK(ignore.handler == SIG_IGN);
    CHECK_EQ(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 8L), 0);
    CHECK(old.handler == handler);
    CHECK_EQ(old.mask, BIT(SIGUSR2));
    FAILS(EINVAL, SYS_rt_sigaction, SIGKILL, &ignore, NULL, 8L);
    FAILS(EINVAL, SYS_rt_sigaction, 65, &ignore, NULL, 8L);
    FAILS(EINVAL, SYS_rt_sigaction, SIGUSR2, &ignore, NULL, 7L);
    FAILS(EFAULT, SYS_rt_sigaction, SIGUSR2, NOWHERE, NULL, 8L);
    FAILS(EFAULT, SYS_rt_sigaction, SIGUSR2, NULL, NOWHERE, 8L);
}

static void masks(void)
{
    uint64_t usr1 = BIT(SIGUSR1), old = 0, pending = 0;
    handled = 0;
    set_mask(0);
    CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr1, &old, 8L), 0);
    CHECK_EQ(old, 0);
    CHECK_EQ(syscall(SYS_tkill, own_tid(), SIGUSR1), 0);
    CHECK_EQ(handled, 0);
    CHECK_EQ(syscall(SYS_rt_sigpending, &pending, 8L), 0);
    CHECK_EQ(pending, BIT(SIGUSR1));
    CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &usr1, &old, 8L), 0);
    CHECK_EQ(old, BIT(SIGUSR1));
    CHECK_EQ(handled, SIGUSR1);
    CHECK_EQ(syscall(SYS_rt_sigpending, &pending, 8L), 0);
    CHECK_EQ(pending, 0);
    FAILS(EINVAL, SYS_rt_sigprocmask, 9, &usr1, NULL, 8L);
    FAILS(EINVAL, SYS_rt_sigprocmask, SIG_BLOCK, &usr1, NULL, 7L);
    FAILS(EFAULT, SYS_rt_sigprocmask, SIG_BLOCK, NOWHERE, NULL, 8L);
    FAILS(EFAULT, SYS_rt_sigprocmask, SIG_BLOCK, NULL, NOWHERE, 8L);
    FAILS(EINVAL, SYS_rt_sigpending, &pending, 9L);
    FAILS(EFAULT, SYS_rt_sigpending, NOWHERE, 8L);
}

static void suspends(void)
{
    uint64_t none = 0, mask = 0;
    set_mask(BIT(SIGUSR1));
    target = own_tid();
    handled = 0;
    WAITS_FOR(send, SIGUSR1, -1, syscall(SYS_rt_sigsuspend, &none, 8L));
    CHECK_EQ(errno, EINTR);
    CHECK_EQ(handled, SIGUSR1);
    CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8L), 0);
    CHECK_EQ(mask, BIT(SIGUSR1));
    FAILS(EINVAL, SYS_rt_sigsuspend, &none, 7L);
    FAILS(EFAULT, SYS_rt_sigsuspend, NOWHERE, 8L);
    set_mask(0);
}

static void timed_waits(void)
{
    uint64_t usr1 = BIT(SIGUSR1);
    struct timespec zero = { 0, 0 }, wrong = { 0, -1 }, span = { 0, 3000000 };
    siginfo_t info;
    set_mask(usr1);
    target = own_tid();
    handled = 0;
    WAITS_FOR(send, SIGUSR1, SIGUSR1, syscall(SYS_rt_sigtimedwait, &usr1, &info, NULL, 8L));
    CHECK_EQ(info.si_signo, SIGUSR1);
    CHECK_EQ(info.si_code, SI_TKILL);
    CHECK_EQ(info.si_pid, getpid());
    CHECK_EQ(handled, 0);
    FAILS(EAGAIN, SYS_rt_sigtimedwait, &usr1, NULL, &zero, 8L);
    FAILS(EAGAIN, SYS_rt_sigtimedwait, &usr1, NULL, &span, 8L);
    FAILS(EINVAL, SYS_rt_sigtimedwait, &usr1, NULL, &wrong, 8L);
    FAILS(EINVAL, SYS_rt_sigtimedwait, &usr1, NULL, &zero, 7L);
    FAILS(EFAULT, SYS_rt_sigtimedwait, NOWHERE, NULL, &zero, 8L);
    FAILS(EFAULT, SYS_rt_sigtimedwait, &usr1, NULL, NOWHERE, 8L);
    set_mask(0);
}

/* A signal that comes before the pause is not seen by it: again and again. */
static volatile int paused;

static void send_until_awake(long signal)
{
    while (!paused) {
        send(signal);
        sleep_ms(1);
    }
}

static void pauses(void)
{
    set_mask(0);
    target = own_tid();
    handled = paused = 0;
    WAITS_FOR(send_until_awake, SIGUSR1, 1,
              syscall(SYS_pause) == -1 && errno == EINTR && (paused = 1));
    CHECK_EQ(handled, SIGUSR1);
}

static char alternate[64 << 10];
static volatile int on_alternate;

static void looks_at_stack(int signal)
{
    stack_t now;
    char here = (char)signal;
    volatile char *at = &here;
    CHECK_EQ(syscall(SYS_sigaltstack, NULL, &now), 0);
    on_alternate =
        at > alternate && at < alternate + sizeof(alternate) && now.ss_flags & SS_ONSTACK;
    FAILS(EPERM, SYS_sigaltstack, &now, NULL);
}

static void stacks(void)
{
    stack_t ours = { .ss_sp = alternate, .ss_size = sizeof(alternate) }, old;
    struct sigaction action = { .sa_handler = looks_at_stack, .sa_flags = SA_ONSTACK };
    CHECK_EQ(syscall(SYS_sigaltstack, &ours, &old), 0);
    CHECK(old.ss_flags & SS_DISABLE);
    CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
    target = own_tid();
    send(SIGUSR2);
    CHECK(on_alternate);
    ours.ss_size = 16;
    FAILS(ENOMEM, SYS_sigaltstack, &ours, NULL);
    ours.ss_flags = 77;
    FAILS(EINVAL, SYS_sigaltstack, &ours, NULL);
    FAILS(EFAULT, SYS_sigaltstack, NOWHERE, NULL);
    FAILS(EFAULT, SYS_sigaltstack, NULL, NOWHERE);
    ours.ss_flags = SS_DISABLE;
    CHECK_EQ(syscall(SYS_sigaltstack, &ours, &old), 0);
    CHECK(old.ss_sp == alternate);
}

static void sends(void)
{
    siginfo_t info = { .si_code = SI_QUEUE }, got;
    uint64_t usr1 = BIT(SIGUSR1);
    int pid = getpid(), tid = own_tid();
    info.si_value.sival_int = 1234;
    set_mask(usr1);
    CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, pid, tid, SIGUSR1, &info), 0);
    CHECK_EQ(syscall(SYS_rt_sigtimedwait, &usr1, &got, NULL, 8L), SIGUSR1);
    CHECK(got.si_code == SI_QUEUE && got.si_value.sival_int == 1234);
    CHECK_EQ(syscall(SYS_tkill, tid, 0), 0);
    CHECK_EQ(syscall(SYS_tgkill, pid, tid, 0), 0);
    FAILS(EINVAL, SYS_tkill, tid, 65);
    FAILS(EINVAL, SYS_tgkill, pid, tid, 65);
    FAILS(EINVAL, SYS_tkill, -1, SIGUSR1);
    FAILS(EINVAL, SYS_tgkill, pid, 0, SIGUSR1);
    FAILS(ESRCH, SYS_tkill, NO_TID, SIGUSR1);
    FAILS(ESRCH, SYS_tgkill, pid, NO_TID, SIGUSR1);
    FAILS(ESRCH, SYS_rt_tgsigqueueinfo, pid, NO_TID, SIGUSR1, &info);
    FAILS(EINVAL, SYS_rt_tgsigqueueinfo, pid, -1, SIGUSR1, &info);
    FAILS(EFAULT, SYS_rt_tgsigqueueinfo, pid, tid, SIGUSR1, NOWHERE);
    set_mask(0);
}

static void descriptors(void)
{
    uint64_t usr1 = BIT(SIGUSR1);
    struct signalfd_siginfo got = { 0 };
    set_mask(usr1);
    int fd = (int)syscall(SYS_signalfd4, -1, &usr1, 8L, SFD_CLOEXEC);
    CHECK(fd >= 0);
    target = own_tid();
    WAITS_FOR(send, SIGUSR1, sizeof(got), syscall(SYS_read, fd, &got, sizeof(got)));
    CHECK_EQ(got.ssi_signo, SIGUSR1);
    struct pollfd one = { fd, POLLIN, 0 };
    CHECK_EQ(poll(&one, 1, 0), 0);
    send(SIGUSR1);
    CHECK_EQ(poll(&one, 1, -1), 1);
    CHECK_EQ(syscall(SYS_signalfd4, fd, &usr1, 8L, 0), fd);
    CHECK_EQ(syscall(SYS_read, fd, &got, sizeof(got)), sizeof(got));
    FAILS(EBADF, SYS_signalfd4, 999, &usr1, 8L, 0);
    FAILS(EINVAL, SYS_signalfd4, 0, &usr1, 8L, 0);
    FAILS(EINVAL, SYS_signalfd4, -1, &usr1, 7L, 0);
    FAILS(EINVAL, SYS_signalfd4, -1, &usr1, 8L, 1);
    FAILS(EFAULT, SYS_signalfd4, -1, NOWHERE, 8L, 0);
    close(fd);
    set_mask(0);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "rt_sigaction", actions },
        { "rt_sigprocmask, rt_sigpending", masks },
        { "rt_sigsuspend", suspends },
        { "rt_sigtimedwait", timed_waits },
        { "pause", pauses },
        { "sigaltstack", stacks },
        { "tgkill, tkill, rt_tgsigqueueinfo", sends },
        { "signalfd4", descriptors },
    };
    struct sigaction action = { .sa_handler = handler };
    set_mask(BIT(SIGUSR1)); /* main never takes it */
    sigaddset(&action.sa_mask, SIGUSR2);
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    run_gates(tests, COUNT(tests));
    return 0;
}
