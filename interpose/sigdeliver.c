/* Delivery of signals.
 *
 * A handler runs at one of two moments: on the way out of an operation (op_finish), or in program
 * code that the kernel interrupted (signal_entry). Either way it runs on its own thread's stack
 * and FS, as an ordinary call, with in_runtime clear, so it may block, switch, make calls, unwind
 * or jump away. While runtime code runs, signal_entry only leaves a note. */
#include "interpose/crash.h"
#include "interpose/process.h"
#include "interpose/robust.h"
#include "interpose/signal.h"

#include "runtime/handoff.h"
#include "runtime/kthread.h"
#include "runtime/report.h"
#include "runtime/snapshot.h"
#include "shim/conf.h"
#include "shim/gate/gate.h"

#define IGNORED 1 /* SIG_IGN */

static struct process_signals *const ps = &process_signals;

typedef void (*handler_fn)(int, siginfo_t *, void *);

/* What a call has told us about the coroutine and must find again after a handler made others. */
struct call_state {
    uint8_t door, simd;
    struct gate_frame *frame;
    uintptr_t hint_addr;
    uint32_t hint_kind;
};

static struct call_state save_call(const struct co *co)
{
    return (struct call_state){ co->door, co->simd, co->frame, co->hint_addr, co->hint_kind };
}

static void restore_call(struct co *co, const struct call_state *state)
{
    co->door = state->door;
    co->simd = state->simd;
    co->frame = state->frame;
    co->hint_addr = state->hint_addr;
    co->hint_kind = state->hint_kind;
}

/* The kernel knows no better sender than ourselves. */
void signal_act_by_default(int signal)
{
    struct kernel_sigaction standard = { 0 };
    sigbits bit = sigbit(signal), mask;
    crash_report(signal, NULL, NULL);
    if (signal_ends_process(signal))
        robust_process_ends();
    sys4(__NR_rt_sigaction, signal, &standard, NULL, 8);
    sys3(__NR_tgkill, runtime.pid, runtime.carrier.kernel_tid, signal);
    sys4(__NR_rt_sigprocmask, SIG_UNBLOCK, &bit, &mask, 8);
    sys4(__NR_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8); /* reached after a stop and continue */
    signal_install(signal);
}

struct delivery {
    struct co *co;
    struct kernel_sigaction action;
    siginfo_t info;
    struct ucontext *context;
};

static uintptr_t altstack_top(const struct co *co, const struct kernel_sigaction *action)
{
    const stack_t *alt = &co->signals.altstack;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (!(action->flags & SA_ONSTACK) || !alt->ss_size ||
        here - (uintptr_t)alt->ss_sp < alt->ss_size)
        return 0;
    return (uintptr_t)alt->ss_sp + alt->ss_size;
}

/* Calls one handler, outside the runtime. The mask that it leaves in the context is the new one. A
 * function of its own, since debuggers tell by it that a handler was called. */
static NOINLINE long call_handler(void *argument)
{
    struct delivery *delivery = argument;
    struct co *co = delivery->co;
    struct kernel_sigaction *action = &delivery->action;
    int signal = delivery->info.si_signo;
    struct call_state state = save_call(co);
    uintptr_t top = altstack_top(co, action);
    if (action->flags & SA_ONSTACK && co->signals.altstack.ss_flags & (int)SS_AUTODISARM)
        co->signals.altstack = (stack_t){ 0 };
    runtime_leave(this_carrier());
    if (top)
        call_handler_on_stack(action->handler, signal, &delivery->info, delivery->context, top);
    else
        ((handler_fn)action->handler)(signal, &delivery->info, delivery->context);
    runtime_enter(this_carrier());
    restore_call(co, &state);
    return 0;
}

struct call_out {
    struct co *co;
    void (*fn)(void);
};

static long call_function(void *argument)
{
    struct call_out *out = argument;
    struct call_state state = save_call(out->co);
    runtime_leave(this_carrier());
    out->fn();
    runtime_enter(this_carrier());
    restore_call(out->co, &state);
    return 0;
}

void signal_call_out(struct co *co, void (*fn)(void))
{
    struct call_out out = { co, fn };
    simd_call(co, call_function, &out);
}

static bool run_due(struct co *co, struct ucontext *context, long *result, bool *restart);

/* One signal with a handler: masks as sigaction(2) says, then the call. As in the kernel, a further
 * signal that is due interrupts the handler before its first instruction, and what the handler
 * leaves in the context is the mask and the alternate stack from then on. */
void signal_deliver_one(struct co *co, siginfo_t *info, struct ucontext *context)
{
    int signal = info->si_signo;
    struct delivery delivery = {
        .co = co, .action = ps->action[signal], .info = *info, .context = context
    };
    struct kernel_sigaction *action = &delivery.action;
    sigbits before = co->signals.restore_mask ? co->signals.saved_mask : co->signals.mask;
    co->signals.restore_mask = false;
    sigbits during = co->signals.mask | action->mask;
    if (!(action->flags & SA_NODEFER))
        during |= sigbit(signal);
    if (action->flags & SA_RESETHAND) {
        ps->action[signal].handler = 0;
        signal_install(signal);
    }
    signal_set_mask(co, during);
    memcpy(&context->uc_sigmask, &before, sizeof(before));
    stack_t kernels = context->uc_stack;
    context->uc_stack = signal_altstack(co, context->uc_mcontext.rsp);
    if (signal_deliverable(co)) {
        bool ignored;
        run_due(co, NULL, NULL, &ignored);
    }
    if (co->simd == SIMD_NONE)
        call_handler(&delivery);
    else if (!runtime.cpu.simd_mask)
        simd_call_xmm(call_handler, &delivery);
    else
        simd_call_full(call_handler, &delivery, runtime.cpu.simd_bytes, runtime.cpu.simd_mask);
    signal_set_altstack(co, &context->uc_stack, context->uc_mcontext.rsp);
    context->uc_stack = kernels;
    memcpy(&before, &context->uc_sigmask, sizeof(before));
    signal_set_mask(co, before);
}

/* The last handler's mask may have let in what waited in the kernel. */
static bool next_due(struct co *co, siginfo_t *info)
{
    if (runtime.carrier.kthread.attention & ATTENTION_SIGNAL)
        signal_drain_notes();
    return pending_take_given(co, ~co->signals.mask, info);
}

static void deliver_in_call(struct co *co, siginfo_t *info, long *result, bool restart)
{
    /* libc's ucontext_t is larger than the kernel's. */
    union {
        struct ucontext kernel;
        char bytes[1024];
    } made = { 0 };
    struct sigcontext offered;
    signal_describe_call(co, result ? *result : 0, restart, &made.kernel);
    memcpy(&offered, &made.kernel.uc_mcontext, sizeof(offered));
    signal_deliver_one(co, info, &made.kernel);
    if (result)
        *result = signal_changed_call(co, *result, &offered, &made.kernel);
}

/* Runs what is due in @co; @context is the kernel's, or NULL on the way out of an operation with
 * *@result. The first of the handlers decides whether the call restarts. @result NULL: another handler
 * is about to run, and its call is not ours to change. */
static bool run_due(struct co *co, struct ucontext *context, long *result, bool *restart)
{
    siginfo_t info;
    bool ran = false;
    while (next_due(co, &info)) {
        const struct kernel_sigaction *action = &ps->action[info.si_signo];
        if (signal_is_ignored(info.si_signo))
            continue;
        if (!action->handler) {
            signal_act_by_default(info.si_signo);
            continue;
        }
        if (!ran)
            *restart = (action->flags & SA_RESTART) != 0;
        ran = true;
        if (context)
            signal_deliver_one(co, &info, context);
        else
            deliver_in_call(co, &info, result, *restart);
    }
    if (co->signals.restore_mask) {
        co->signals.restore_mask = false;
        signal_set_mask(co, co->signals.saved_mask);
    }
    return ran;
}

bool signal_run_handlers(struct co *co, long *result, bool *restart)
{
    return run_due(co, NULL, result, restart);
}

static bool is_fault(int signal, const siginfo_t *info)
{
    /* SI_KERNEL too: so come addresses that no pointer can have, and frames without room. */
    return info->si_code > 0 && (signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE ||
                                 signal == SIGILL || signal == SIGTRAP || signal == SIGSYS);
}

/* Handlers may block and jump away, which nobody may on a side stack; and who resumes from there
 * must not be preempted there. */
static void leave_side_stack(struct co *co, const struct signal_frame *frame, bool handed)
{
    if (!signal_on_side_stack(co, frame))
        return;
    signal_set_kernel_mask_for_now(~UINT64_C(0));
    if (signal_deliverable(co) && !handed)
        signal_continue(signal_stack_for(co, signal_first_due(co), &frame->context),
                        signal_in_program, 0, &frame->info, &frame->context);
}

void signal_in_program(void *argument)
{
    struct signal_frame *frame = argument;
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    struct call_state state = save_call(co);
    bool handed = co->door == DOOR_HANDED; /* what is due waits for the gate */
    bool restart = true;
    signal_rest();        /* we came in with all blocked */
    co->simd = SIMD_NONE; /* the kernel's frame holds it all */
    co->door = DOOR_NONE;
    co->frame = NULL;
    co->hint_kind = WAIT_NONE;
    if (frame->signal == KICK_SIGNAL && !carrier->no_preempt)
        step_preempt(co, frame);
    for (;;) {
        if (carrier->kthread.attention & ATTENTION_SIGNAL)
            signal_drain_notes();
        leave_side_stack(co, frame, handed);
        if (signal_deliverable(co) && !handed)
            run_due(co, &frame->context, NULL, &restart);
        restore_call(co, &state);
        runtime_leave(carrier);
        if (!(carrier->kthread.attention & ATTENTION_SIGNAL) && (handed || !signal_deliverable(co)))
            break;
        runtime_enter(carrier);
        co->simd = SIMD_NONE;
    }
    memcpy(&frame->context.uc_sigmask, &ps->kernel_mask, sizeof(ps->kernel_mask));
    signal_resume(&frame->context);
}

/* The kick: lets others run. False: there is no memory to do that in. */
static bool preempt(struct carrier *carrier, siginfo_t *info, struct ucontext *context)
{
    uintptr_t above = signal_own_place(carrier->current, context);
    if (!above)
        return false;
    __atomic_fetch_and(&carrier->kthread.attention, ~ATTENTION_PREEMPT, __ATOMIC_SEQ_CST);
    runtime_enter(carrier);
    signal_continue(above, signal_in_program, KICK_SIGNAL, info, context);
}

/* Program code was interrupted. We are on the carrier's alternate stack, where nobody may be preempted: the
 * next signal begins there again. All is blocked; what changes the mask meanwhile tells the kernel, so it is
 * told anew before we are no longer in the runtime. */
static void arrive(struct carrier *carrier, int signal, siginfo_t *info, struct ucontext *context)
{
    struct co *co = carrier->current;
    runtime_enter(carrier);
    if (signal_raised_by_call(co, signal, info, context))
        signal_send(co, signal, info);
    else
        signal_take_in(signal, info, co);
    if (carrier->kthread.attention & ATTENTION_SIGNAL)
        signal_drain_notes();
    if (signal_deliverable(co) && co->door != DOOR_HANDED)
        signal_continue(signal_stack_for(co, signal_first_due(co), context), signal_in_program,
                        signal, info, context);
    signal_set_kernel_mask_for_now(~UINT64_C(0));
    runtime_leave(carrier);
    memcpy(&context->uc_sigmask, &ps->kernel_mask, sizeof(ps->kernel_mask));
}

/* This kernel thread is in a call that may be handed off: the carrier may be another's by now, and
 * what it does is no business of ours. */
static void signal_in_call(const struct kthread *own, int signal, siginfo_t *info,
                           struct ucontext *context)
{
    bool taken = own->verdict == VERDICT_TAKEN;
    if (signal != KICK_SIGNAL)
        signal_leave_note(signal, info,
                          signal_raised_by_call(own->handed.co, signal, info, context), context);
    else if (!taken)
        runtime_call_attention(ATTENTION_PREEMPT);
}

void signal_entry(int signal, siginfo_t *info, struct ucontext *context)
{
    struct carrier *carrier = this_carrier();
    uint64_t pc = context->uc_mcontext.rip;
    if (signal == KICK_SIGNAL)
        runtime.kick_pending = false;
    if (carrier && carrier->guest) {
        signal_in_guest(signal, info, context);
        return;
    }
    if (signal == (int)conf.dump_signal) {
        report_want(REPORT_DUMP);
        return;
    }
    if (!carrier && this_kthread()->step)
        step_end(this_kthread(), signal, info, context);
    if (!carrier) { /* a helper was told to give up */
        if (kthread_abort_call(&pc))
            context->uc_mcontext.rip = pc;
        return;
    }
    const struct kthread *own = this_kthread();
    if (signal == KICK_SIGNAL && unlikely(snapshot_wanted) && own->verdict != VERDICT_TAKEN) {
        snapshot_give((const uint64_t *)&context->uc_mcontext);
        return; /* who looks must not change who runs */
    }
    if (own->call != CALL_NONE && !is_fault(signal, info)) {
        signal_in_call(own, signal, info, context);
        if (kthread_abort_call(&pc))
            context->uc_mcontext.rip = pc;
        return;
    }
    if (unlikely(signal == SIGSYS && info->si_code == SYS_USER_DISPATCH) &&
        process_signals.dispatching) {
        trapped_call(carrier, info, context);
        return;
    }
    if (is_fault(signal, info)) {
        signal_fault(carrier, signal, info, context);
        return;
    }
    if (!carrier->kthread.in_runtime && carrier->current) {
        if (signal != KICK_SIGNAL) {
            arrive(carrier, signal, info, context);
        } else if (!preempt(carrier, info, context)) {
            __atomic_fetch_or(&carrier->kthread.attention, ATTENTION_PREEMPT, __ATOMIC_SEQ_CST);
        }
        return;
    }
    if (signal == KICK_SIGNAL)
        __atomic_fetch_or(&carrier->kthread.attention, ATTENTION_PREEMPT, __ATOMIC_SEQ_CST);
    else
        signal_leave_note(signal, info,
                          signal_raised_by_call(carrier->current, signal, info, context), context);
    if (kthread_abort_call(&pc))
        context->uc_mcontext.rip = pc;
}
