/* Processes: fork, exec, and waiting for children. */
#include "interpose/prctl.h"
#include "interpose/process.h"

#include <linux/fcntl.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "interpose/robust.h"
#include "interpose/signal.h"
#include "runtime/files.h"
#include "runtime/monitor.h"

#define WAITING_HELPERS 64

bool clone_clears_handlers(long nr, const long word[5])
{
    return nr == __NR_clone3 && ((const struct clone_args *)word[0])->flags & CLONE_CLEAR_SIGHAND;
}

static bool shares_files(long nr, const long word[5])
{
    if (nr == __NR_clone3)
        return ((const struct clone_args *)word[0])->flags & CLONE_FILES;
    return nr == __NR_clone && word[0] & CLONE_FILES;
}

/* fork: the child keeps the caller alone. It gets its kernel-side signal state back and is dormant
 * again, with one thread and nothing of ours running, until it makes a thread. */
static long fork_with(long nr, const long a[5])
{
    struct co *co = this_co();
    sigbits all = ~UINT64_C(0), mask = co->signals.mask, old;
    sys4(__NR_rt_sigprocmask, 2, &all, &old, 8); /* no handler between fork and reset */
    this_kthread()->lasting = true;              /* its end would be the child's PR_SET_PDEATHSIG */
    struct prctl_lent lent = prctl_lend(co, false);
    long pid = sys6(nr, a[0], a[1], a[2], a[3], a[4], 0);
    if (pid) {
        prctl_take_back(lent);
        sys4(__NR_rt_sigprocmask, 2, &old, NULL, 8);
        fd_all_shared();
        return pid;
    }
    files_lent = shares_files(nr, a);
    monitor_reset(); /* it is gone, and may have held its lock */
    signal_reset();
    if (clone_clears_handlers(nr, a))
        signal_forget_handlers();
    pending_remove_given(co, ~UINT64_C(0));
    co->signals.mask = all; /* no handler before all is native again */
    signal_handback(co, false);
    monitor_release();
    if (co->robust_head)
        sys2(__NR_set_robust_list, co->robust_head, co->robust_bytes);
    schedule_hand_to_child(co);
    offload_reset();
    if (op_hooks.in_child)
        op_hooks.in_child();
    runtime_reset();
    files_lent = false;
    signal_set_kernel_mask(mask);
    return 0;
}

struct gate_frame *clone_frame(uintptr_t stack_top)
{
    struct gate_frame *frame = frame_below(stack_top);
    *frame = *this_co()->frame;
    frame->rax = 0;
    return frame;
}

static long set_stack_of_clone3(struct clone_call *call, uintptr_t stack_top)
{
    size_t size = (size_t)call->word[1];
    struct clone_args *args = (struct clone_args *)call->args;
    if (size > sizeof(call->args))
        return -E2BIG;
    if (user_copy(call->args, (const void *)call->word[0], size) != 0)
        return -EFAULT;
    /* The kernel wants to know where it ends; who waits as after vfork has brought none. */
    args->stack_size = stack_top ? PAGE_BYTES : 0;
    args->stack = stack_top - args->stack_size;
    call->word[0] = (long)args;
    return 0;
}

long clone_call_init(struct clone_call *call, uintptr_t stack_top)
{
    const struct gate_frame *f = this_co()->frame;
    call->nr = (long)f->rax;
    if (call->nr == __NR_vfork) {
        call->nr = __NR_clone;
        call->word[0] = CLONE_VM | CLONE_VFORK | SIGCHLD;
        call->word[1] = (long)stack_top;
        return 0;
    }
    memcpy(call->word,
           (const long[5]){ (long)f->rdi, (long)f->rsi, (long)f->rdx, (long)f->r10, (long)f->r8 },
           sizeof(call->word));
    if (call->nr == __NR_clone3)
        return set_stack_of_clone3(call, stack_top);
    call->word[1] = (long)stack_top;
    return 0;
}

/* A stack that the child brings is where it leaves to: until then it runs on its copy of ours. */
long op_clone_process(uintptr_t stack_top)
{
    struct clone_call call;
    struct gate_frame frame = *this_co()->frame;
    long error = clone_call_init(&call, 0);
    long pid = error ? error : fork_with(call.nr, call.word);
    if (pid || !stack_top)
        return pid;
    struct gate_frame *there = frame_below(stack_top);
    *there = frame;
    there->rax = 0;
    gate_leave(there);
}

long op_fork(void)
{
    return fork_with(__NR_fork, (const long[5]){ 0 });
}

#define EXECVE_CHECK 0x10000 /* AT_EXECVE_CHECK, Linux 6.14 */

/* There is such a program and it may be executed: most calls that fail look along PATH for one. What is
 * left is found out by doing it, such as a file that is no program. */
static bool may_succeed(int fd, const char *path, char *const *argv, char *const *envp, int flags)
{
    const int execute = 1; /* X_OK */
    long error = sys5(__NR_execveat, fd, path, argv, envp, flags | EXECVE_CHECK);
    if (error == -EINVAL)
        error = sys4(__NR_faccessat2, fd, path, execute, AT_EACCESS | flags);
    return !error || error == -ENOSYS;
}

/* @at: the words are execveat's. */
static long exec_with(bool at, const long a[5])
{
    bool sure =
        at ? may_succeed((int)a[0], (const char *)a[1], (char *const *)a[2], (char *const *)a[3],
                         (int)a[4])
           : may_succeed(AT_FDCWD, (const char *)a[0], (char *const *)a[1], (char *const *)a[2], 0);
    signal_handback(this_co(), true);
    if (op_hooks.leave_process)
        op_hooks.leave_process();
    if (sure) {
        robust_process_ends();
        schedule_hand_over(this_co());
    }
    struct prctl_lent lent = prctl_lend(this_co(), true);
    long error = sys5(at ? __NR_execveat : __NR_execve, a[0], a[1], a[2], a[3], a[4]);
    prctl_take_back(lent);
    signal_retake();
    monitor_release();
    if (sure)
        robust_exec_failed();
    return error;
}

long op_execve(const char *path, char *const *argv, char *const *envp)
{
    return exec_with(false, (const long[5]){ (long)path, (long)argv, (long)envp });
}

long op_execveat(int fd, const char *path, char *const *argv, char *const *envp, int flags)
{
    return exec_with(true, (const long[5]){ fd, (long)path, (long)argv, (long)envp, flags });
}

/* Waits for the end of child @pid, which exists and has not ended. -ENOSYS: no pidfd. PARKS. */
static long wait_for_end(int pid)
{
    long fd = sys2(__NR_pidfd_open, pid, 0);
    if (fd < 0)
        return fd == -ESRCH ? 0 : -ENOSYS;
    fd = fd_move_up(fd, fd_floor());
    fd_opened((int)fd, FD_OTHER, false);
    fd_entry((int)fd)->private_copy = true;
    struct fd_waiter waiter = { .co = this_co(), .fd = (int)fd };
    long error = fd_watch(&waiter, false);
    if (!error) {
        co_waits(waiter.co, (struct co_wait){ .kind = WAIT_CHILD, .fd = -1, .pid = pid });
        error = op_park(DEADLINE_NEVER);
        fd_unwatch(&waiter);
    }
    fd_entry((int)fd)->private_copy = false;
    fd_closing((int)fd);
    sys1(__NR_close, fd);
    return error;
}

/* Calls @nr with WNOHANG until it has an answer, and waits in a helper: it alone learns of all that
 * wait may report, such as the stops of a child that asked to be traced. When many wait for the end
 * of one child each, a pidfd tells the rest. */
static long wait_child(long nr, const long argument[5], int options_at, int pid)
{
    long a[6] = { argument[0], argument[1], argument[2], argument[3], argument[4], 0 };
    int options = (int)a[options_at];
    bool only_end = nr == __NR_wait4 ? !(options & (WUNTRACED | WCONTINUED))
                                     : (options & (WEXITED | WSTOPPED | WCONTINUED)) == WEXITED;
    if (options & WNOHANG)
        return sys5(nr, a[0], a[1], a[2], a[3], a[4]);
    for (;;) {
        a[options_at] = options | WNOHANG;
        long result = sys5(nr, a[0], a[1], a[2], a[3], a[4]);
        if (result || (nr == __NR_waitid && ((siginfo_t *)a[2])->si_pid))
            return result;
        a[options_at] = options & ~(int)__WNOTHREAD; /* all are the carrier's */
        bool many = only_end && pid > 0 && offload_helpers() >= WAITING_HELPERS;
        long error = many ? wait_for_end(pid) : -ENOSYS;
        if (error == -ENOSYS)
            return op_offload_call(nr, a);
        if (error)
            return error;
    }
}

long op_wait4(pid_t pid, int *status, int options, void *usage)
{
    return wait_child(__NR_wait4, (const long[5]){ pid, (long)status, options, (long)usage, 0 }, 2,
                      pid);
}

/* siginfo's si_pid tells whether WNOHANG found somebody: a caller without one gets ours. */
long op_waitid(int type, pid_t id, void *info, int options, void *usage)
{
    siginfo_t mine = { 0 };
    const int by_pid = 1; /* P_PID */
    return wait_child(
        __NR_waitid,
        (const long[5]){ type, id, info ? (long)info : (long)&mine, options, (long)usage }, 3,
        type == by_pid ? id : 0);
}
