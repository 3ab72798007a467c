/* Signals, virtual.
 *
 * The kernel sees one thread that blocks nothing. Actions, masks, pending sets and alternate stacks
 * of the program's threads are ours, with the kernel's rules (signal(7), kernel/signal.c). For
 * every signal that the program handles, and every one that some thread blocks, our handler is
 * installed; it delivers at once when program code was interrupted, and leaves a note otherwise.
 *
 * This file: the state and the calls on it. sigdeliver.c: delivery. All of it belongs to the
 * carrier, in the runtime; the notes alone are written by the handler at any time. */
#include "interpose/signal.h"

#include "runtime/kthread.h"
#include "runtime/monitor.h"
#include "shim/gate/gate.h"

struct process_signals process_signals;

#define SIGNAL_SIZE 8
#define SET_MASK    2
#define IGNORED     1 /* SIG_IGN */

static struct process_signals *const ps = &process_signals;

void pending_add(struct sig_pending *pending, int signal, const siginfo_t *info)
{
    if (signal < 32 && pending->set & sigbit(signal))
        return;
    if (!ps->queued_pool.object_bytes)
        pool_init(&ps->queued_pool, sizeof(struct sig_queued));
    struct sig_queued *queued = pool_get(&ps->queued_pool);
    if (!queued)
        return;
    queued->info = *info;
    queued->next = NULL;
    if (!pending->last || !pending->first)
        pending->last = &pending->first;
    *pending->last = queued;
    pending->last = &queued->next;
    pending->set |= sigbit(signal);
}

/* Lowest number first, and within one number in order of arrival. */
bool pending_take(struct sig_pending *pending, sigbits set, siginfo_t *info)
{
    sigbits ready = pending->set & set;
    if (!ready)
        return false;
    int signal = __builtin_ctzll(ready) + 1;
    bool found = false, more = false;
    struct sig_queued **link = &pending->first;
    while (*link) {
        struct sig_queued *queued = *link;
        if (queued->info.si_signo == signal && !found) {
            *info = queued->info;
            *link = queued->next;
            pool_put(&ps->queued_pool, queued);
            found = true;
            continue;
        }
        more |= queued->info.si_signo == signal;
        link = &queued->next;
    }
    pending->last = link;
    if (!more)
        pending->set &= ~sigbit(signal);
    return found;
}

void pending_clear(struct sig_pending *pending)
{
    siginfo_t info;
    while (pending_take(pending, ~UINT64_C(0), &info))
        ;
}

bool signal_default_acts(int signal)
{
    return signal != SIGCHLD && signal != SIGURG && signal != SIGWINCH && signal != SIGCONT;
}

static long kernel_action(int signal, const struct kernel_sigaction *action,
                          struct kernel_sigaction *old)
{
    return sys4(__NR_rt_sigaction, signal, action, old, SIGNAL_SIZE);
}

void signal_set_kernel_mask(sigbits mask)
{
    ps->kernel_mask = mask;
    sys4(__NR_rt_sigprocmask, SET_MASK, &mask, NULL, SIGNAL_SIZE);
}

void signal_set_kernel_mask_for_now(sigbits mask)
{
    sys4(__NR_rt_sigprocmask, SET_MASK, &mask, NULL, SIGNAL_SIZE);
}

void signal_rest(void)
{
    signal_set_kernel_mask(ps->resting_mask);
}

static bool blocked_by_somebody(int signal)
{
    return ps->ever_blocked & sigbit(signal);
}

void signal_install(int signal)
{
    const struct kernel_sigaction *wanted = &ps->action[signal];
    bool handled = wanted->handler > IGNORED;
    if (signal == KICK_SIGNAL || sigbit(signal) & SIGBITS_UNBLOCKABLE)
        return;
    bool memory = signal == SIGSEGV || signal == SIGBUS;
    if (!handled && !memory && !blocked_by_somebody(signal)) {
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
    if (!handled || wanted->flags & SA_RESTART)
        ours.flags |= SA_RESTART;
    if (signal == SIGCHLD && wanted->handler == IGNORED) /* then children leave no zombies */
        ours.flags |= SA_NOCLDWAIT;
    kernel_action(signal, &ours, NULL);
    ps->caught |= sigbit(signal);
}

/* A thread blocks signals: those that would act by default must not, so they are caught. */
void signal_catch(sigbits mask)
{
    sigbits fresh = mask & ~ps->ever_blocked & ~SIGBITS_UNBLOCKABLE;
    fresh &= ~sigbit(SIGSEGV) & ~sigbit(SIGBUS) & ~sigbit(SIGFPE) & ~sigbit(SIGILL) &
             ~sigbit(SIGTRAP) & ~sigbit(SIGSYS);
    if (likely(!fresh))
        return;
    for (int signal = 1; signal <= SIGNALS; signal++) {
        if (!(fresh & sigbit(signal)))
            continue;
        ps->ever_blocked |= sigbit(signal);
        signal_install(signal);
    }
}

/* glibc blocks everything, its own two signals too, for a moment around every clone: that must not
 * install 60 handlers. No program's mask holds those two (sigfillset leaves them out). */
static bool is_momentary(sigbits mask)
{
    const sigbits own = sigbit(32) | sigbit(33);
    return (mask & own) == own;
}

void signal_set_mask(struct co *co, sigbits mask)
{
    co->signals.mask = mask & ~SIGBITS_UNBLOCKABLE;
    if (!is_momentary(mask))
        signal_catch(co->signals.mask);
    signal_update_resting_mask();
    if (ps->pending.set & ~co->signals.mask) {
        siginfo_t info;
        while (pending_take(&ps->pending, ~co->signals.mask, &info))
            pending_add(&co->signals.pending, info.si_signo, &info);
    }
}

sigbits signal_push_mask(struct co *co, const sigbits *mask)
{
    sigbits old = co->signals.mask;
    if (mask)
        signal_set_mask(co, *mask);
    return old;
}

/* After a call with a mask of its own: the handlers it let in run first, then the old mask is back.
 */
long signal_pop_mask(struct co *co, const sigbits *mask, sigbits old, long result)
{
    if (!mask)
        return result;
    if (signal_deliverable(co) && (result == -ERESTARTSYS || result == -ERESTARTNOHAND)) {
        co->signals.saved_mask = old;
        co->signals.restore_mask = true;
        return -ERESTARTNOHAND;
    }
    signal_set_mask(co, old);
    return result == -ERESTARTSYS ? -ERESTARTNOHAND : result;
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
        if (mine->handler != before.handler || mine->flags != before.flags)
            signal_install(signal);
    }
    return old ? user_put(old, before) : 0;
}

long op_rt_sigprocmask(int how, const sigbits *set, sigbits *old, size_t size)
{
    struct co *co = this_co();
    sigbits before = co->signals.mask;
    if (size != SIGNAL_SIZE)
        return -EINVAL;
    if (set) {
        sigbits given;
        if (user_get(given, set) != 0)
            return -EFAULT;
        if (how < 0 || how > SET_MASK)
            return -EINVAL;
        sigbits next = how == 0 ? before | given : how == 1 ? before & ~given : given;
        signal_set_mask(co, next);
    }
    return old ? user_put(old, before) : 0;
}

long op_rt_sigpending(sigbits *set, size_t size)
{
    struct co *co = this_co();
    if (size > SIGNAL_SIZE)
        return -EINVAL;
    sigbits in_kernel = 0;
    if (ps->resting_mask)
        sys2(__NR_rt_sigpending, &in_kernel, SIGNAL_SIZE);
    in_kernel |= co->signals.pending.set | ps->pending.set;
    in_kernel &= co->signals.mask;
    return user_copy(set, &in_kernel, size);
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

static bool take_waited(struct co *co, sigbits set, siginfo_t *info)
{
    sigbits in_kernel = set & ps->resting_mask;
    struct __kernel_timespec now = { 0 };
    if (in_kernel && sys4(__NR_rt_sigtimedwait, &in_kernel, info, &now, SIGNAL_SIZE) > 0)
        return true;
    return pending_take(&co->signals.pending, set, info) || pending_take(&ps->pending, set, info);
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
    while (!take_waited(co, wanted, &taken)) {
        if (result)
            return result == -ETIMEDOUT     ? -EAGAIN
                   : result == -ERESTARTSYS ? -ERESTARTNOHAND
                                            : result;
        if (deadline <= clock_now(&runtime.clock))
            return -EAGAIN;
        co->signals.waiting = wanted;
        signal_update_resting_mask();
        co_waits(co, (struct co_wait){ .kind = WAIT_SIGNAL, .fd = -1 });
        result = op_park(deadline);
        co->signals.waiting = 0;
        signal_update_resting_mask();
    }
    return info && user_put(info, taken) != 0 ? -EFAULT : taken.si_signo;
}

long op_sigaltstack(const stack_t *stack, stack_t *old)
{
    struct co *co = this_co();
    stack_t before = co->signals.altstack;
    uintptr_t sp = co->frame ? (uintptr_t)(co->frame + 1) : (uintptr_t)__builtin_frame_address(0);
    bool on_it = before.ss_size && sp - (uintptr_t)before.ss_sp < before.ss_size;
    if (!before.ss_size)
        before.ss_flags = SS_DISABLE;
    if (on_it)
        before.ss_flags = SS_ONSTACK;
    if (stack) {
        stack_t wanted;
        if (user_get(wanted, stack) != 0)
            return -EFAULT;
        if (on_it)
            return -EPERM;
        int mode = wanted.ss_flags & ~SS_FLAG_BITS;
        if (mode && mode != SS_ONSTACK && mode != SS_DISABLE)
            return -EINVAL;
        if (mode == SS_DISABLE)
            co->signals.altstack = (stack_t){ 0 };
        else if (wanted.ss_size < MINSIGSTKSZ)
            return -ENOMEM;
        else
            co->signals.altstack = (stack_t){ .ss_sp = wanted.ss_sp, .ss_size = wanted.ss_size };
    }
    return old ? user_put(old, before) : 0;
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
    const struct co *co = pid > 0 ? co_by_tid((uint32_t)pid) : NULL;
    return co && !co->is_main ? sys2(__NR_kill, runtime.pid, signal) : OP_PASS;
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

void signal_forget_co(struct co *co)
{
    pending_clear(&co->signals.pending);
    signal_free_side_stack(co);
    co->signals.mask = ~UINT64_C(0); /* stands in nobody's way any more */
    signal_update_resting_mask();
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
    long error = install_kick();
    if (error)
        return (int)error;
    ps->ever_blocked = 0;
    co->signals.mask = mask & ~SIGBITS_UNBLOCKABLE;
    signal_find_signalfds();
    if (!ps->fault_stack)
        ps->fault_stack = pages_map(FAULT_STACK_BYTES);
    if (!ps->fault_stack)
        return -ENOMEM;
    signal_retake();
    return 0;
}

void signal_retake(void)
{
    struct list *node, *after;
    list_for_each (node, after, &runtime.all) {
        struct co *co = container_of(node, struct co, all);
        if (!is_momentary(co->signals.mask))
            signal_catch(co->signals.mask);
    }
    install_kick();
    stack_t fault_stack = { .ss_sp = ps->fault_stack, .ss_size = FAULT_STACK_BYTES };
    sys2(__NR_sigaltstack, &fault_stack, NULL);
    for (int signal = 1; signal <= SIGNALS; signal++) {
        if (ps->action[signal].handler > IGNORED || blocked_by_somebody(signal) ||
            signal == SIGSEGV || signal == SIGBUS)
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
}

void signal_reset(void)
{
    pending_clear(&ps->pending);
    ps->notes_head = ps->notes_tail;
    ps->ever_blocked = 0;
}
