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
    signal_deliver_one(co, &frame->info, &frame->context);
    co->door = door;
    co->simd = simd;
    co->frame = gate;
    memcpy(&frame->context.uc_sigmask, &ps->resting_mask, sizeof(ps->resting_mask));
    runtime_leave(carrier);
    signal_resume(&frame->context);
}

void signal_fault(struct carrier *carrier, int signal, siginfo_t *info, struct ucontext *context)
{
    uintptr_t pc = context->uc_mcontext.rip;
    struct co *co = carrier->current;
    if (pc >= (uintptr_t)user_copy_begin && pc < (uintptr_t)user_copy_end) {
        context->uc_mcontext.rip = (uintptr_t)user_copy_fault;
        return;
    }
    bool handled = ps->action[signal].handler > IGNORED;
    if (!handled || !co || carrier->kthread.in_runtime || co->signals.mask & sigbit(signal)) {
        struct kernel_sigaction standard = { 0 };
        crash_report(signal, info, context);
        robust_process_ends();
        sys4(__NR_rt_sigaction, signal, &standard, NULL, 8);
        if (signal == SIGSYS || signal == SIGTRAP) /* what raised it is not executed again */
            sys3(__NR_tgkill, runtime.pid, carrier->kernel_tid, signal);
        return;
    }
    runtime_enter(carrier);
    signal_continue(signal_stack_for(co, signal, context), run_there, signal, info, context);
}
