/* Processes: fork, vfork, exec, and waiting for children. */
#include "interpose/signal.h"

#include <linux/wait.h>

#include "runtime/monitor.h"
#include "shim/gate/gate.h"

/* fork: the child keeps the caller alone. It gets its kernel-side signal state back and is dormant
 * again, with one thread and nothing of ours running, until it makes a thread. */
static long fork_with(long nr, const long a[5])
{
    struct co *co = this_co();
    sigbits all = ~UINT64_C(0), mask = co->signals.mask, old;
    sys4(__NR_rt_sigprocmask, 2, &all, &old, 8); /* no handler between fork and reset */
    long pid = sys6(nr, a[0], a[1], a[2], a[3], a[4], 0);
    if (pid) {
        sys4(__NR_rt_sigprocmask, 2, &old, NULL, 8);
        fd_all_shared();
        return pid;
    }
    monitor_reset(); /* it is gone, and may have held its lock */
    signal_reset();
    pending_clear(&co->signals.pending);
    co->signals.mask = all; /* no handler before all is native again */
    signal_handback(co, false);
    monitor_release();
    if (co->robust_head)
        sys2(__NR_set_robust_list, co->robust_head, co->robust_bytes);
    offload_reset();
    if (op_hooks.in_child)
        op_hooks.in_child();
    runtime_reset();
    signal_set_kernel_mask(mask);
    return 0;
}

/* A child that brings its own stack would return to a frame of ours that isn't on it. */
long op_clone_process(bool same_stack)
{
    struct gate_frame *f = this_co()->frame;
    if (!same_stack)
        return op_vfork();
    return fork_with((long)f->rax, (const long[5]){ (long)f->rdi, (long)f->rsi, (long)f->rdx,
                                                    (long)f->r10, (long)f->r8 });
}

long op_fork(void)
{
    return fork_with(__NR_fork, (const long[5]){ 0 });
}

/* vfork, and clone with CLONE_VM: the instruction itself, with nothing of ours on the stack. The child runs
 * under the caller's own mask and passes every call raw; the parent notices that it is back at its
 * next call (op_in_vfork_child). */
long op_vfork(void)
{
    struct carrier *carrier = this_carrier();
    signal_set_kernel_mask(carrier->current->signals.mask);
    carrier->vfork_child = 1;
    fd_all_shared();
    return OP_PASS;
}

static long exec_with(long nr, long a, long b, long c, long d, long e)
{
    signal_handback(this_co(), true);
    if (op_hooks.leave_process)
        op_hooks.leave_process();
    long error = sys6(nr, a, b, c, d, e, 0);
    signal_retake();
    monitor_release();
    return error;
}

long op_execve(const char *path, char *const *argv, char *const *envp)
{
    return exec_with(__NR_execve, (long)path, (long)argv, (long)envp, 0, 0);
}

long op_execveat(int fd, const char *path, char *const *argv, char *const *envp, int flags)
{
    return exec_with(__NR_execveat, fd, (long)path, (long)argv, (long)envp, flags);
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
    long error = signal_deliverable(waiter.co) ? -ERESTARTSYS : fd_watch(&waiter, false);
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

/* Calls @nr with WNOHANG until it has an answer. @pid > 0: a pidfd tells when; otherwise, or when
 * stops and continuations count too, a helper waits. */
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
        a[options_at] = options;
        long error = only_end && pid > 0 ? wait_for_end(pid) : -ENOSYS;
        if (error == -ENOSYS)
            return offload_call(nr, a);
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
