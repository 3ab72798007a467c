/* Signals, virtual.
 *
 * The kernel sees one thread that blocks nothing. Actions, masks, pending sets and alternate stacks
 * of the program's threads are ours, with the kernel's rules (signal(7), kernel/signal.c). For
 * every signal that the program handles, and every one that some thread blocks, our handler is
 * installed; it delivers at once when program code was interrupted, and leaves a note otherwise.
 *
 * This file: the state and the calls on it. sigroute.c: who gets one. sigdeliver.c: delivery. All of
 * it belongs to the carrier, in the runtime; the notes alone are written by the handler at any time. */
#include "interpose/crash.h"

#include "runtime/kthread.h"
#include "runtime/monitor.h"
#include "shim/conf.h"
#include "shim/gate/gate.h"

struct process_signals process_signals;

#define SIGNAL_SIZE 8
#define SET_MASK    2
#define IGNORED     1 /* SIG_IGN */

static struct process_signals *const ps = &process_signals;

static bool default_acts(int signal)
{
    return signal != SIGCHLD && signal != SIGURG && signal != SIGWINCH && signal != SIGCONT;
}

bool signal_is_ignored(int signal)
{
    uintptr_t handler = ps->action[signal].handler;
    return handler == IGNORED || (!handler && !default_acts(signal));
}

bool signal_ends_process(int signal)
{
    const sigbits stops = sigbit(SIGTSTP) | sigbit(SIGTTIN) | sigbit(SIGTTOU);
    return default_acts(signal) && !(stops & sigbit(signal));
}

static long kernel_action(int signal, const struct kernel_sigaction *action,
                          struct kernel_sigaction *old)
{
    return sys4(__NR_rt_sigaction, signal, action, old, SIGNAL_SIZE);
}

/* Of children of who ignores SIGCHLD the kernel tells nobody. */
static bool is_waited_for(int signal)
{
    bool never_sent = signal == SIGCHLD && ps->action[signal].handler == IGNORED;
    return ps->ever_waited & sigbit(signal) && !never_sent;
}

static bool always_ours(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || (signal == SIGSYS && ps->dispatching) ||
           (signal == SIGTRAP && ps->stepping) || signal == (int)conf.dump_signal ||
           (crash_is(signal) && signal != SIGABRT) ||
           (runtime.watches_deaths && !ps->action[signal].handler && signal_ends_process(signal));
}

void signal_install(int signal)
{
    const struct kernel_sigaction *wanted = &ps->action[signal];
    bool handled = wanted->handler > IGNORED;
    if (signal == KICK_SIGNAL || sigbit(signal) & SIGBITS_UNBLOCKABLE)
        return;
    if (!handled && !always_ours(signal) && !is_waited_for(signal)) {
        kernel_action(signal, wanted, NULL);
        ps->caught &= ~sigbit(signal);
        return;
    }
    struct kernel_sigaction ours = {
        .handler = (uintptr_t)signal_entry,
        .flags = (wanted->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)) | SA_SIGINFO | SA_RESTORER_ |
                 SA_ONSTACK, /* the thread's may be no place for us: see sigplace.c */
        .restorer = (uintptr_t)signal_restorer,
        .mask = ~UINT64_C(0), /* or the kernel would pile up a frame for each queued signal */
    };
    if (!handled || wanted->flags & SA_RESTART || signal == (int)conf.dump_signal)
        ours.flags |= SA_RESTART;
    kernel_action(signal, &ours, NULL);
    ps->caught |= sigbit(signal);
}

void signal_watch_deaths(void)
{
    runtime.watches_deaths = true;
    for (int signal = 1; signal <= SIGNALS; signal++) {
        if (!ps->action[signal].handler)
            signal_install(signal);
    }
}

void signal_catch(sigbits mask)
{
    sigbits fresh = mask & ~ps->ever_waited & ~SIGBITS_UNBLOCKABLE;
    ps->ever_waited |= fresh;
    for (; fresh; fresh &= fresh - 1)
        signal_install(__builtin_ctzll(fresh) + 1);
}

/* Ignoring a signal throws away what is pending of it. */
static void forget_pending(int signal)
{
    struct list *node, *after;
    struct kernel_sigaction ignored = { .handler = IGNORED };
    pending_remove(&ps->pending, sigbit(signal));
    list_for_each (node, after, &runtime.all)
        pending_remove_given(container_of(node, struct co, all), sigbit(signal));
    if (ps->caught & sigbit(signal) && ps->resting_mask & sigbit(signal)) {
        kernel_action(signal, &ignored, NULL);
        signal_install(signal);
    }
}

long op_rt_sigaction(int signal, const void *action, void *old, size_t size)
{
    if (signal < 1 || signal > SIGNALS || size != SIGNAL_SIZE ||
        (action && sigbit(signal) & SIGBITS_UNBLOCKABLE))
        return -EINVAL;
    struct kernel_sigaction *mine = &ps->action[signal], before = *mine, wanted;
    if (action) {
        if (user_get(wanted, action) != 0)
            return -EFAULT;
        *mine = wanted;
        mine->mask &= ~SIGBITS_UNBLOCKABLE;
        if (signal_is_ignored(signal))
            forget_pending(signal);
        if (mine->handler != before.handler || mine->flags != before.flags)
            signal_install(signal);
    }
    return old ? user_put(old, before) : 0;
}

static long wait_for_handler(struct co *co)
{
    co_waits(co, (struct co_wait){ .kind = WAIT_SIGNAL, .fd = -1 });
    int result = op_park(DEADLINE_NEVER);
    return result == -ERESTARTSYS || !result ? -ERESTARTNOHAND : result;
}

long op_rt_sigsuspend(const sigbits *mask, size_t size)
{
    struct co *co = this_co();
    if (size != SIGNAL_SIZE)
        return -EINVAL;
    sigbits wanted;
    if (user_get(wanted, mask) != 0)
        return -EFAULT;
    sigbits old = signal_push_mask(co, &wanted);
    return signal_pop_mask(co, &wanted, old, wait_for_handler(co));
}

long op_pause(void)
{
    return wait_for_handler(this_co());
}

long op_rt_sigtimedwait(const sigbits *set, siginfo_t *info,
                        const struct __kernel_timespec *timeout, size_t size)
{
    struct co *co = this_co();
    siginfo_t taken;
    uint64_t deadline;
    sigbits wanted;
    if (size != SIGNAL_SIZE)
        return -EINVAL;
    if (user_get(wanted, set) != 0)
        return -EFAULT;
    int result = op_deadline(timeout, &deadline);
    if (result)
        return result;
    wanted &= ~SIGBITS_UNBLOCKABLE;
    signal_catch(wanted);
    while (!pending_take_waited(co, wanted, &taken)) {
        if (result)
            return result == -ETIMEDOUT     ? -EAGAIN
                   : result == -ERESTARTSYS ? -ERESTARTNOHAND
                                            : result;
        if (deadline <= clock_now(&runtime.clock))
            return -EAGAIN;
        signal_wait_for(co, wanted);
        co_waits(co, (struct co_wait){ .kind = WAIT_SIGNAL, .fd = -1 });
        result = op_park(deadline);
        signal_wait_for(co, 0);
    }
    return info && user_put(info, taken) != 0 ? -EFAULT : taken.si_signo;
}

static bool is_on(const stack_t *stack, uintptr_t sp)
{
    bool disarms = stack->ss_flags & (int)SS_AUTODISARM;
    return !disarms && stack->ss_size && sp - (uintptr_t)stack->ss_sp < stack->ss_size;
}

stack_t signal_altstack(const struct co *co, uintptr_t sp)
{
    stack_t stack = co->signals.altstack;
    stack.ss_flags |= !stack.ss_size ? SS_DISABLE : is_on(&stack, sp) ? SS_ONSTACK : 0;
    return stack;
}

int signal_set_altstack(struct co *co, const stack_t *wanted, uintptr_t sp)
{
    int mode = wanted->ss_flags & ~SS_FLAG_BITS;
    if (is_on(&co->signals.altstack, sp))
        return -EPERM;
    if (mode && mode != SS_ONSTACK && mode != SS_DISABLE)
        return -EINVAL;
    if (mode != SS_DISABLE && wanted->ss_size < MINSIGSTKSZ)
        return -ENOMEM;
    co->signals.altstack = (stack_t){ 0 };
    if (mode != SS_DISABLE) {
        co->signals.altstack.ss_sp = wanted->ss_sp;
        co->signals.altstack.ss_size = wanted->ss_size;
    }
    co->signals.altstack.ss_flags = wanted->ss_flags & SS_FLAG_BITS;
    return 0;
}

long op_sigaltstack(const stack_t *stack, stack_t *old)
{
    struct co *co = this_co();
    uintptr_t sp = co->frame ? (uintptr_t)(co->frame + 1) : (uintptr_t)__builtin_frame_address(0);
    stack_t before = signal_altstack(co, sp);
    if (stack) {
        stack_t wanted;
        if (user_get(wanted, stack) != 0)
            return -EFAULT;
        int error = signal_set_altstack(co, &wanted, sp);
        if (error)
            return error;
    }
    return old ? user_put(old, before) : 0;
}

void signal_raise(int signal)
{
    siginfo_t info = { .si_signo = signal, .si_code = SI_USER };
    info.si_pid = runtime.pid;
    info.si_uid = (unsigned)sys0(__NR_getuid);
    signal_send(this_co(), signal, &info);
}

static long send_to(int pid, int tid, int signal, const siginfo_t *given)
{
    struct co *co = co_by_tid((uint32_t)tid);
    if (!co || (pid > 0 && pid != runtime.pid))
        return OP_PASS;
    if (signal < 0 || signal > SIGNALS)
        return -EINVAL;
    if (!signal)
        return 0;
    siginfo_t info = { 0 };
    if (given) {
        info = *given;
        info.si_signo = signal;
    } else {
        info.si_signo = signal;
        info.si_code = SI_TKILL;
        info.si_pid = runtime.pid;
        info.si_uid = (uint32_t)sys0(__NR_getuid);
    }
    if (pending_refuses(signal, &info))
        return -EAGAIN;
    signal_send(co, signal, &info);
    return 0;
}

long op_tgkill(int pid, int tid, int signal)
{
    if (signal == KICK_SIGNAL) /* libc's own use of it */
        identity_broadcast();
    return pid <= 0 || tid <= 0 ? -EINVAL : send_to(pid, tid, signal, NULL);
}

/* Any thread's id stands for its process. */
long op_kill(int pid, int signal)
{
    int process = op_process_of(pid);
    return process != pid ? sys2(__NR_kill, process, signal) : OP_PASS;
}

long op_tkill(int tid, int signal)
{
    return tid <= 0 ? -EINVAL : send_to(0, tid, signal, NULL);
}

long op_rt_tgsigqueueinfo(int pid, int tid, int signal, const siginfo_t *info)
{
    siginfo_t given;
    if (user_get(given, info) != 0)
        return -EFAULT;
    return pid <= 0 || tid <= 0 ? -EINVAL : send_to(pid, tid, signal, &given);
}

static long install_kick(void)
{
    struct kernel_sigaction kick = {
        .handler = (uintptr_t)signal_entry,
        .flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_RESTORER_,
        .restorer = (uintptr_t)signal_restorer,
        .mask = ~UINT64_C(0),
    };
    return kernel_action(KICK_SIGNAL, &kick, NULL);
}

/* The lower part of the kernel thread's stack, whatever runs on the upper. */
void signal_use_own_stack(void)
{
    stack_t own = { .ss_sp = this_kthread()->stack, .ss_size = KTHREAD_SIGNAL_BYTES };
    sys2(__NR_sigaltstack, &own, NULL);
}

/* As a helper this kernel thread blocked all signals: what calls that it made for others have raised is with
 * it still, and was raised for their threads by op_sendfile and its like. */
static void drop_raised(void)
{
    const sigbits raised = sigbit(SIGPIPE) | sigbit(SIGXFSZ);
    const struct __kernel_timespec none = { 0 };
    siginfo_t info;
    while (sys4(__NR_rt_sigtimedwait, &raised, &info, &none, SIGNAL_SIZE) > 0) {
        if (info.si_code != SI_USER || info.si_pid != runtime.pid)
            signal_route(info.si_signo, &info);
    }
}

static void carrier_moved(void)
{
    signal_use_own_stack();
    drop_raised();
    signal_set_kernel_mask(ps->kernel_mask);
}

/* Faults don't come from outside, and libc's own two signals have no say in what the program does. */
static bool has_handlers(void)
{
    for (int signal = 1; signal <= SIGNALS; signal++) {
        bool fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL;
        bool libcs = signal == KICK_SIGNAL || signal == KICK_SIGNAL - 1;
        if (!fault && !libcs && ps->action[signal].handler > IGNORED)
            return true;
    }
    return false;
}

int signal_takeover(void)
{
    struct co *co = runtime.main;
    for (int signal = 1; signal <= SIGNALS; signal++) {
        if (kernel_action(signal, NULL, &ps->action[signal]) != 0)
            ps->action[signal] = (struct kernel_sigaction){ 0 };
    }
    sigbits mask = 0;
    sys4(__NR_rt_sigprocmask, SET_MASK, NULL, &mask, SIGNAL_SIZE);
    sys2(__NR_sigaltstack, NULL, &co->signals.altstack);
    if (co->signals.altstack.ss_flags & SS_DISABLE)
        co->signals.altstack = (stack_t){ 0 };
    co->signals.altstack.ss_flags &= SS_FLAG_BITS;
    long error = install_kick();
    if (error)
        return (int)error;
    ps->ever_waited = 0;
    signal_mask_begin(co, mask);
    pending_take_over(co);
    signal_find_signalfds();
    runtime.carrier_moved = carrier_moved;
    runtime.has_handlers = has_handlers;
    signal_retake();
    return 0;
}

void signal_retake(void)
{
    pending_take_back(runtime.carrier.current);
    install_kick();
    signal_use_own_stack();
    for (int signal = 1; signal <= SIGNALS; signal++) {
        if (ps->action[signal].handler > IGNORED || is_waited_for(signal) || always_ours(signal))
            signal_install(signal);
    }
    signal_rest();
}

void signal_handback(struct co *co, bool for_exec)
{
    signal_set_kernel_mask(~UINT64_C(0));
    monitor_hold();
    /* Ignoring a signal throws away what is pending of it. */
    struct kernel_sigaction ignored = { .handler = IGNORED };
    kernel_action(KICK_SIGNAL, &ignored, NULL);
    for (int signal = 1; signal <= SIGNALS; signal++) {
        if (for_exec && ps->action[signal].handler > IGNORED)
            continue; /* the program's handler can't run any more, here in the runtime */
        if (ps->caught & sigbit(signal) || signal == KICK_SIGNAL)
            kernel_action(signal, &ps->action[signal], NULL);
    }
    ps->caught = 0;
    stack_t none = { .ss_flags = SS_DISABLE };
    sys2(__NR_sigaltstack, co->signals.altstack.ss_size ? &co->signals.altstack : &none, NULL);
    signal_set_kernel_mask(co->signals.mask);
    if (for_exec)
        pending_hand_over(co);
}

void signal_forget_handlers(void)
{
    for (int signal = 1; signal <= SIGNALS; signal++) {
        uintptr_t handler = ps->action[signal].handler;
        ps->action[signal] =
            (struct kernel_sigaction){ .handler = handler == IGNORED ? IGNORED : 0 };
    }
}

void signal_reset(void)
{
    ps->dispatching = false; /* the kernel has forgotten it */
    ps->stepping = false;
    pending_remove(&ps->pending, ~UINT64_C(0));
    ps->notes_head = ps->notes_tail;
    ps->ever_waited = 0;
    signal_timers_reset();
}
