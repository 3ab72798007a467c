/* Faults, raised by an instruction of the program's or of ours.
 *
 * A fault in user_copy means a bad pointer from the program: the copy returns -EFAULT. Any other
 * fault without a handler happens again under the default action, with its own core dump. */
#include "interpose/crash.h"
#include "interpose/robust.h"

#define IGNORED 1 /* SIG_IGN */

static struct process_signals *const ps = &process_signals;

/* On the handler's stack, in the runtime. */
static void run_there(void *argument)
{
    struct signal_frame *frame = argument;
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    uint8_t door = co->door, simd = co->simd;
    struct gate_frame *gate = co->frame;
    signal_rest(); /* we came in with all blocked */
    co->simd = SIMD_NONE;
    co->door = DOOR_NONE;
    co->frame = NULL;
    crash_handled(frame->signal, &frame->info, &frame->context);
    signal_deliver_one(co, &frame->info, &frame->context);
    co->door = door;
    co->simd = simd;
    co->frame = gate;
    memcpy(&frame->context.uc_sigmask, &ps->resting_mask, sizeof(ps->resting_mask));
    runtime_leave(carrier);
    signal_resume(&frame->context);
}

/* The handler's frame would lie where the stack is at its end: the kernel gives up as well. */
static bool has_no_room(const struct co *co, int signal, const siginfo_t *info,
                        const struct ucontext *context, uintptr_t above)
{
    uintptr_t end = align_down((uintptr_t)info->si_addr, PAGE_BYTES) + PAGE_BYTES;
    return above == context->uc_mcontext.rsp - RED_ZONE &&
           crash_is_overflow(co, signal, info, context) && signal_frame_below(above, context) < end;
}

/* On our return: nothing else, such as a kick, comes before it. */
static void die_natively(const struct carrier *carrier, int signal, struct ucontext *context)
{
    const struct kernel_sigaction standard = { 0 };
    const sigbits others = ~sigbit(signal);
    sys4(__NR_rt_sigaction, signal, &standard, NULL, 8);
    memcpy(&context->uc_sigmask, &others, sizeof(others));
    /* A filter's call is not made again, nor is a breakpoint met again. */
    if (signal == SIGSYS || signal == SIGTRAP)
        sys3(__NR_tgkill, runtime.pid, carrier->kernel_tid, signal);
}

void signal_fault(struct carrier *carrier, int signal, siginfo_t *info, struct ucontext *context)
{
    uintptr_t pc = context->uc_mcontext.rip;
    struct co *co = carrier->current;
    if (pc >= (uintptr_t)user_copy_begin && pc < (uintptr_t)user_copy_end) {
        context->uc_mcontext.rip = (uintptr_t)user_copy_fault;
        return;
    }
    uintptr_t above = co ? signal_stack_for(co, signal, context) : 0;
    bool handled = ps->action[signal].handler > IGNORED;
    if (!handled || !co || carrier->kthread.in_runtime || co->signals.mask & sigbit(signal) ||
        has_no_room(co, signal, info, context, above)) {
        crash_report(signal, info, context);
        robust_process_ends();
        die_natively(carrier, signal, context);
        return;
    }
    runtime_enter(carrier);
    signal_continue(above, run_there, signal, info, context);
}
