/* Who gets a signal: the thread that it is for, or one that may take what is for the process.
 *
 * What comes while runtime code runs is noted, and routed when the notes are drained. The notes are
 * written by the kernel's handler at any time; everything else belongs to the carrier, in the
 * runtime. */
#include "interpose/signal.h"

#include "runtime/kthread.h"

static struct process_signals *const ps = &process_signals;

/* It has what it waited for: the next signal is another's. */
static void end_wait(struct co *co)
{
    signal_wait_for(co, 0);
    sched_wake(co, 0);
}

/* @set: of @co's two. */
static void give(struct co *co, struct sig_pending *set, int signal, const siginfo_t *info)
{
    sigbits bit = sigbit(signal);
    bool blocked = co->signals.mask & bit;
    if (!blocked && signal_is_ignored(signal))
        return;
    if (!blocked && !ps->action[signal].handler) {
        signal_act_by_default(signal);
        return;
    }
    pending_add(set, signal, info);
    if (co->signals.waiting & bit)
        end_wait(co);
    else if (blocked)
        signal_wake_reader(co, bit);
    else if (co->job)
        offload_interrupt(co->job);
    else if (co->interruptible)
        sched_wake(co, -ERESTARTSYS);
}

void signal_send(struct co *co, int signal, const siginfo_t *info)
{
    give(co, &co->signals.pending, signal, info);
}

static bool may_take(const struct co *co, sigbits bit)
{
    return co->state != CO_DEAD && (!(co->signals.mask & bit) || co->signals.waiting & bit);
}

/* The kernel offers what a timer sends, and what is sent for used CPU time, to the thread that runs:
 * profilers count on it. */
static bool prefers_running(int signal, const siginfo_t *info)
{
    bool of_cpu_time = signal == SIGPROF || signal == SIGVTALRM || signal == SIGXCPU;
    return info->si_code == SI_TIMER || (of_cpu_time && info->si_code == SI_KERNEL);
}

/* The thread that a process-directed signal goes to: main first, as complete_signal does, if not
 * @preferred. */
static struct co *taker_of(sigbits bit, struct co *preferred)
{
    struct list *node, *after;
    if (preferred && may_take(preferred, bit))
        return preferred;
    if (runtime.main && may_take(runtime.main, bit))
        return runtime.main;
    struct co *current = runtime.carrier.current;
    if (current && may_take(current, bit))
        return current;
    list_for_each (node, after, &runtime.all) {
        struct co *co = container_of(node, struct co, all);
        if (may_take(co, bit))
            return co;
    }
    return NULL;
}

/* @running: when the signal came; NULL: nobody. */
static void route(int signal, const siginfo_t *info, struct co *running)
{
    struct co *co = NULL;
    if (signal == SIGCONT)
        fd_wake_terminals();
    if (signal_is_for_thread(info, &co)) {
        if (co)
            signal_send(co, signal, info);
        return;
    }
    sigbits bit = sigbit(signal);
    co = taker_of(bit, prefers_running(signal, info) ? running : NULL);
    if (co && !(co->signals.mask & bit)) {
        give(co, &co->signals.routed, signal, info);
        return;
    }
    pending_add(&ps->pending, signal, info);
    if (co)
        end_wait(co);
    else if (unlikely(bit & ps->signalfd_set))
        signal_wake_readers(bit);
}

void signal_route(int signal, const siginfo_t *info)
{
    route(signal, info, runtime.carrier.current);
}

void signal_take_in(int signal, siginfo_t *info, struct co *running)
{
    if (info->si_code != SI_TIMER || signal_timer_expired(info))
        route(signal, info, running);
}

/* A note that is being written by a kernel thread that was handed off is drained the next time. */
void signal_drain_notes(void)
{
    __atomic_fetch_and(&runtime.carrier.kthread.attention, ~ATTENTION_SIGNAL, __ATOMIC_SEQ_CST);
    while (ps->notes_head != ps->notes_tail) {
        struct sig_note *note = &ps->note[ps->notes_head % NOTES_MAX];
        if (!__atomic_load_n(&note->ready, __ATOMIC_ACQUIRE))
            return;
        siginfo_t info = note->info;
        struct co *co = note->co, *running = co_by_tid(note->running);
        note->ready = false;
        ps->notes_head++;
        if (co)
            signal_send(co, info.si_signo, &info);
        else
            signal_take_in(info.si_signo, &info, running);
    }
    if (ps->holding) {
        ps->holding = false;
        signal_rest();
    }
}

/* Such a signal looks as if the process had sent it to itself: but we come from a system call, and its
 * result is an error. */
struct co *signal_raised_by_call(struct co *caller, int signal, const siginfo_t *info,
                                 const struct ucontext *context)
{
    const uint8_t *pc = (const uint8_t *)context->uc_mcontext.rip;
    if ((signal != SIGPIPE && signal != SIGXFSZ) || info->si_code != SI_USER ||
        info->si_pid != runtime.pid)
        return NULL;
    return sys_is_error((long)context->uc_mcontext.rax) && pc[-2] == 0x0f && pc[-1] == 0x05 ? caller
                                                                                            : NULL;
}

/* The next of its kind waits in the kernel until the notes are drained: a timer of a microsecond would
 * otherwise have us note signals and do nothing else. Not what system calls raise, which must come at once. */
static void hold(int signal, struct ucontext *context)
{
    const sigbits at_once = sigbit(KICK_SIGNAL) | sigbit(SIGSEGV) | sigbit(SIGBUS);
    const sigbits raised = sigbit(SIGPIPE) | sigbit(SIGXFSZ) | sigbit(SIGSYS);
    sigbits mask;
    memcpy(&mask, &context->uc_sigmask, sizeof(mask));
    mask |= sigbit(signal) & ~at_once & ~raised;
    if (ps->notes_tail - ps->notes_head >= NOTES_HELD)
        mask = ~at_once;
    memcpy(&context->uc_sigmask, &mask, sizeof(mask));
    ps->holding = true;
}

/* What no note is left for waits in the kernel until they are drained. */
void signal_leave_note(int signal, const siginfo_t *info, struct co *co, struct ucontext *context)
{
    uint32_t slot = ps->notes_tail;
    do {
        if (slot - ps->notes_head >= NOTES_MAX)
            return;
    } while (!__atomic_compare_exchange_n(&ps->notes_tail, &slot, slot + 1, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    struct sig_note *note = &ps->note[slot % NOTES_MAX];
    note->info = *info;
    note->info.si_signo = signal;
    note->co = co;
    const struct co *running = this_carrier() ? runtime.carrier.current : NULL;
    note->running = running ? running->tid : 0;
    __atomic_store_n(&note->ready, true, __ATOMIC_RELEASE);
    hold(signal, context);
    runtime.signals_noted = signal_drain_notes;
    runtime_call_attention(ATTENTION_SIGNAL);
}
