/* Guests: processes that run in our memory and are not ours. None may enter the runtime, whose state
 * is the carrier's: every call of theirs passes raw, and a signal runs the program's handler at once.
 * What tells them is `guest_thread` at their GS base, a carrier that never carries. All guests share
 * it, since nobody ever writes to it. So a guest may live on beside us.
 *
 * The caller of vfork, or of clone with CLONE_VFORK as posix_spawn makes it, waits until the guest lets
 * go of our memory, by exec or exit: the kernel clears a word then and wakes who waits on it
 * (CLONE_CHILD_CLEARTID). That is a helper, so the other threads go on, as they do natively.
 *
 * A child of vfork runs on the caller's stack. Its caller therefore waits on its side stack, and puts
 * back what was ours on its own. */
#include "interpose/prctl.h"
#include "interpose/process.h"

#include <linux/futex.h>
#include <linux/sched.h>

#include "interpose/signal.h"
#include "runtime/kthread.h"
#include "shim/conf.h"

#define SIGNAL_IGNORED 1
#define KEPT_MAX       (32 * 1024UL) /* of the side stack, for what was ours on the caller's */

/* call_on_stack.S */
long call_aside(long (*fn)(void *argument, char *low), void *argument, uintptr_t stack_top);

static struct co nobody;
static struct carrier guest = {
    .current = &nobody,
    .guest = true,
};
static struct kthread guest_thread = { .self = &guest_thread, .carrier = &guest };

struct arrival {
    sigbits mask;
    stack_t altstack; /* of who waits: the child has it too */
    bool own_actions; /* it has a copy of the kernel's table of handlers */
    bool cleared;     /* ...without any handler */
    const struct co *parent;
    struct gate_frame *frame;
};

/* Tells the kernel which signals this process ignores, before an exec that hides our handlers. Only
 * where our handler still stands: the guest may have set actions of its own. @cleared: it has no handler
 * at all yet, and none of ours. */
static void ignore_natively(bool cleared)
{
    struct kernel_sigaction ignored = { .handler = SIGNAL_IGNORED }, present = { 0 };
    for (int signal = 1; signal <= SIGNALS; signal++) {
        if (!(process_signals.caught & sigbit(signal)) ||
            process_signals.action[signal].handler != SIGNAL_IGNORED)
            continue;
        sys4(__NR_rt_sigaction, signal, NULL, &present, sizeof(sigbits));
        if (present.handler == (uintptr_t)signal_entry || cleared)
            sys4(__NR_rt_sigaction, signal, &ignored, NULL, sizeof(sigbits));
    }
}

/* On the new stack, with all signals blocked until the GS base tells who we are. */
static void begin_guest(void *argument)
{
    struct arrival arrival = *(struct arrival *)argument;
    gs_base_set(&runtime.cpu, (uint64_t)&guest_thread);
    sys2(__NR_sigaltstack, &arrival.altstack, NULL);
    schedule_hand_to_child(arrival.parent);
    if (arrival.own_actions)
        ignore_natively(arrival.cleared);
    sys4(__NR_rt_sigprocmask, 2, &arrival.mask, NULL, sizeof(arrival.mask));
    gate_leave(arrival.frame);
}

/* Has the kernel clear *@word when the child lets go of our memory, instead of making us wait. */
static void set_clear_word(struct clone_call *call, uint32_t *word)
{
    struct clone_args *args = (struct clone_args *)call->args;
    *word = 1;
    if (call->nr == __NR_clone3) {
        args->flags = (args->flags & ~(uint64_t)CLONE_VFORK) | CLONE_CHILD_CLEARTID;
        args->child_tid = (uintptr_t)word;
    } else {
        call->word[0] = (call->word[0] & ~(long)CLONE_VFORK) | CLONE_CHILD_CLEARTID;
        call->word[3] = (long)word;
    }
}

/* Such a mutex may be taken by a guest meanwhile, on another processor. */
static void allow_fast_locks(bool fast)
{
    runtime.locks_fast = fault.locks_fast = fast && !conf.lock_sites;
}

/* Nothing but the child's end ends this, as in the kernel. What it unlocked was our threads' to wait
 * for: the kernel woke nobody. */
static void wait_for(uint32_t *word)
{
    uint32_t present;
    runtime.vforks++;
    while ((present = __atomic_load_n(word, __ATOMIC_SEQ_CST)))
        offload_call(__NR_futex, (const long[6]){ (long)word, FUTEX_WAIT, present });
    if (--runtime.vforks || runtime.guests & GUESTS_STAY)
        return;
    allow_fast_locks(true);
    if (__atomic_exchange_n(&runtime.guests, 0, __ATOMIC_SEQ_CST) & GUESTS_LOCK)
        futex_wake_outdated();
}

long op_clone_guest(uint64_t flags, uintptr_t stack_top)
{
    struct co *co = this_co();
    struct clone_call call;
    uint32_t word = 0;
    struct arrival *arrival = (struct arrival *)frame_below(stack_top) - 1;
    long error = clone_call_init(&call, kthread_stack((uintptr_t)arrival, begin_guest, arrival));
    if (error)
        return error;
    *arrival = (struct arrival){ .mask = co->signals.mask,
                                 .altstack = { .ss_flags = SS_DISABLE },
                                 .own_actions = !(flags & CLONE_SIGHAND),
                                 .cleared = clone_clears_handlers(call.nr, call.word),
                                 .parent = co,
                                 .frame = clone_frame(stack_top) };
    if (flags & CLONE_VFORK && co->signals.altstack.ss_size)
        arrival->altstack = co->signals.altstack;
    if (!(flags & CLONE_VFORK))
        runtime.guests |= GUESTS_STAY;
    else if (!(flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)))
        set_clear_word(&call, &word);
    allow_fast_locks(false);
    signal_set_kernel_mask(~UINT64_C(0));
    fd_all_shared();
    this_kthread()->lasting = true; /* its end would be the child's PR_SET_PDEATHSIG */
    struct prctl_lent lent = prctl_lend(co, false);
    long pid = kthread_clone(call.nr, call.word);
    prctl_take_back(lent);
    signal_rest();
    if (pid < 0)
        word = 0;
    wait_for(&word);
    return pid;
}

struct borrower {
    uint64_t flags;
    uintptr_t
        stack_top; /* the stack pointer at the site: from here down the stack is the child's */
};

/* On the side stack. @low: where our frames on the caller's begin. */
static long vfork_aside(void *argument, char *low)
{
    struct borrower borrower = *(struct borrower *)argument;
    size_t bytes = borrower.stack_top - (uintptr_t)low;
    char *kept = (char *)signal_side_stack(this_co()) - bytes;
    if (bytes > KEPT_MAX)
        return -ENOMEM;
    memcpy(kept, low, bytes);
    long pid = op_clone_guest(borrower.flags, borrower.stack_top);
    memcpy(low, kept, bytes);
    return pid;
}

long op_vfork_guest(uint64_t flags)
{
    struct co *co = this_co();
    struct borrower borrower = { flags, frame_sp(co->frame) };
    if (signal_on_side_stack(co, &borrower))
        return op_clone_guest(flags, borrower.stack_top);
    uintptr_t aside = signal_side_stack(co);
    return aside ? call_aside(vfork_aside, &borrower, aside - KEPT_MAX) : -ENOMEM;
}

long op_vfork(void)
{
    return op_vfork_guest(CLONE_VM | CLONE_VFORK | SIGCHLD);
}

void guest_calls(uint64_t nr)
{
    if (nr == __NR_execve || nr == __NR_execveat)
        ignore_natively(false);
    else if (nr == __NR_futex)
        __atomic_fetch_or(&runtime.guests, GUESTS_LOCK, __ATOMIC_SEQ_CST);
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
