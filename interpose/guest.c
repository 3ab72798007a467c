/* Guests: processes that run in our memory and are not ours. None may enter the runtime, whose state
 * is the carrier's: every call of theirs passes raw (op_in_vfork_child), and a signal runs the
 * program's handler at once.
 *
 * A child of vfork borrows the caller's stack until it execs or exits, so nothing of ours may be on
 * it: the instruction itself makes the child, and carrier.vfork_child says that one may be there. It
 * is told from the parent by its pid.
 *
 * A child of clone with CLONE_VM that brings its own stack, as posix_spawn's does, begins there in
 * begin_guest, with `guest_thread` at its GS base: a carrier that never carries. So it may live on beside
 * us. All guests share it, since nobody ever writes to it. */
#include "interpose/process.h"

#include <linux/sched.h>

#include "interpose/signal.h"
#include "runtime/kthread.h"

#define SIGNAL_IGNORED 1

static struct co nobody;
static struct carrier guest = {
    .current = &nobody,
    .vfork_child = 1,
};
static struct kthread guest_thread = { .self = &guest_thread, .carrier = &guest };

struct arrival {
    sigbits mask;
    bool own_actions; /* it has a copy of the kernel's table of handlers */
    struct gate_frame *frame;
};

/* On the new stack, with all signals blocked until the GS base tells who we are. */
static void begin_guest(void *argument)
{
    struct arrival arrival = *(struct arrival *)argument;
    gs_base_set(&runtime.cpu, (uint64_t)&guest_thread);
    if (arrival.own_actions)
        guest_ignore_natively();
    sys4(__NR_rt_sigprocmask, 2, &arrival.mask, NULL, sizeof(arrival.mask));
    gate_leave(arrival.frame);
}

long op_clone_guest(uint64_t flags, uintptr_t stack_top)
{
    struct clone_call call;
    struct gate_frame *frame = clone_frame(stack_top);
    struct arrival *arrival = (struct arrival *)frame - 1;
    long error = clone_call_init(&call, kthread_stack((uintptr_t)arrival, begin_guest, arrival));
    if (error)
        return error;
    *arrival = (struct arrival){ this_co()->signals.mask, !(flags & CLONE_SIGHAND), frame };
    signal_set_kernel_mask(~UINT64_C(0));
    fd_all_shared();
    runtime.guests |= !(flags & CLONE_VFORK); /* else nothing of ours runs until it is gone */
    long pid = kthread_clone(call.nr, call.word);
    signal_rest();
    return pid;
}

/* The child runs under the caller's own mask; the parent notices that it is back at its next call. */
long op_vfork(void)
{
    struct carrier *carrier = this_carrier();
    signal_set_kernel_mask(carrier->current->signals.mask);
    carrier->vfork_child = 1;
    trapped_let_through(true);
    fd_all_shared();
    return OP_PASS;
}

/* What is at the GS base of a helper is no carrier, and holds no flag. */
bool guest_is_here(const struct carrier *carrier)
{
    if (carrier != &runtime.carrier)
        return carrier == &guest;
    return unlikely(carrier->vfork_child) && sys0(__NR_getpid) != runtime.pid;
}

bool op_in_vfork_child(struct carrier *carrier)
{
    if (likely(!carrier->vfork_child))
        return false;
    if (guest_is_here(carrier))
        return true;
    carrier->vfork_child = 0; /* it is the parent again: the child has exec'ed or exited */
    trapped_let_through(false);
    signal_rest();
    return false;
}

/* Only where our handler still stands: the guest may have set actions of its own. */
void guest_ignore_natively(void)
{
    struct kernel_sigaction ignored = { .handler = SIGNAL_IGNORED }, present = { 0 };
    for (int signal = 1; signal <= SIGNALS; signal++) {
        if (!(process_signals.caught & sigbit(signal)) ||
            process_signals.action[signal].handler != SIGNAL_IGNORED)
            continue;
        sys4(__NR_rt_sigaction, signal, NULL, &present, sizeof(sigbits));
        if (present.handler == (uintptr_t)signal_entry)
            sys4(__NR_rt_sigaction, signal, &ignored, NULL, sizeof(sigbits));
    }
}

void signal_in_guest(int signal, siginfo_t *info, void *context)
{
    const struct kernel_sigaction *action = &process_signals.action[signal];
    if (signal == KICK_SIGNAL || action->handler == SIGNAL_IGNORED)
        return;
    if (action->handler) {
        ((void (*)(int, siginfo_t *, void *))action->handler)(signal, info, context);
        return;
    }
    struct kernel_sigaction standard = { 0 };
    sys4(__NR_rt_sigaction, signal, &standard, NULL, sizeof(sigbits));
    sys3(__NR_tgkill, sys0(__NR_getpid), sys0(__NR_gettid), signal); /* acts on our return */
}
