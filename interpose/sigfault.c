/* Signals that must not arrive on the thread's stack: faults, raised by an instruction of ours or
 * of the program's, and the kick that preempts.
 *
 * SIGSEGV, SIGBUS and the kick arrive on the carrier's own alternate stack, because the thread's
 * may be exhausted. What follows must not run there: it may block, or jump away, and the next such
 * signal of another thread would overwrite it. So the kernel's frame is copied to where it belongs
 * (for a handler that wants it, the thread's alternate stack; else its own), the rest runs there,
 * and rt_sigreturn takes the copy. A thread without room for the frame is not preempted: it has no
 * need of that room natively.
 *
 * A fault in user_copy means a bad pointer from the program: the copy returns -EFAULT. Any other
 * fault without a handler happens again under the default action, with its own core dump. */
#include "interpose/signal.h"

#include "runtime/kthread.h"
#include "runtime/stack.h"

#define IGNORED        1 /* SIG_IGN */
#define RED_ZONE       128
#define FXSAVE_BYTES   512
#define SOFTWARE_BYTES 464 /* struct _fpx_sw_bytes in the FXSAVE image (asm/sigcontext.h) */
#define XSTATE_MAGIC   0x46505853U
#define PREEMPT_ROOM   1536 /* of stack, for what runs until another thread does */

static struct process_signals *const ps = &process_signals;

/* The copy, in the order of addresses. */
struct fault_frame {
    struct ucontext context;
    siginfo_t info;
    int signal;
};

static size_t fp_bytes(const struct ucontext *context)
{
    const char *state = (const char *)context->uc_mcontext.fpstate;
    uint32_t software[2]; /* magic, size of the whole state */
    if (!state)
        return 0;
    memcpy(software, state + SOFTWARE_BYTES, sizeof(software));
    return software[0] == XSTATE_MAGIC ? software[1] : FXSAVE_BYTES;
}

static uintptr_t stack_for(const struct co *co, const struct kernel_sigaction *action,
                           const struct ucontext *context)
{
    const stack_t *alt = &co->signals.altstack;
    uintptr_t sp = context->uc_mcontext.rsp;
    if (action->flags & SA_ONSTACK && alt->ss_size && sp - (uintptr_t)alt->ss_sp >= alt->ss_size)
        return (uintptr_t)alt->ss_sp + alt->ss_size;
    return sp - RED_ZONE;
}

/* On the handler's stack, in the runtime. */
static void run_there(void *argument)
{
    struct fault_frame *frame = argument;
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    uint8_t door = co->door, simd = co->simd;
    struct gate_frame *gate = co->frame;
    sigbits program_mask;
    co->simd = SIMD_NONE;
    co->door = DOOR_NONE;
    co->frame = NULL;
    signal_deliver_one(co, &frame->info, &frame->context);
    co->door = door;
    co->simd = simd;
    co->frame = gate;
    program_mask = ps->resting_mask;
    memcpy(&frame->context.uc_sigmask, &program_mask, sizeof(program_mask));
    runtime_leave(carrier);
    signal_resume(&frame->context);
}

/* Copies the kernel's frame to below @above and goes on with fn(copy) there. */
static void continue_there(uintptr_t above, void (*fn)(void *), int signal, const siginfo_t *info,
                           const struct ucontext *context)
{
    size_t bytes = fp_bytes(context);
    uintptr_t top = align_down(above - bytes, 64);
    struct fault_frame *frame = (struct fault_frame *)align_down(top - sizeof(*frame), 64);
    stack_t none = { .ss_sp = ps->fault_stack, .ss_size = FAULT_STACK_BYTES };
    frame->context = *context;
    frame->info = *info;
    frame->signal = signal;
    frame->context.uc_stack = none; /* rt_sigreturn sets what it finds here */
    if (bytes) {
        memcpy((void *)top, context->uc_mcontext.fpstate, bytes);
        frame->context.uc_mcontext.fpstate = (void *)top;
    }
    runtime_enter(this_carrier());
    signal_rest(); /* we came in with all blocked */
    call_on_stack(fn, frame, (uintptr_t)frame);
}

static void preempt_there(void *argument)
{
    struct fault_frame *frame = argument;
    signal_in_program(this_carrier(), frame->signal, &frame->info, &frame->context);
    signal_resume(&frame->context);
}

bool signal_preempt(struct carrier *carrier, siginfo_t *info, struct ucontext *context)
{
    struct co *co = carrier->current;
    uintptr_t sp = context->uc_mcontext.rsp;
    size_t need = RED_ZONE + fp_bytes(context) + sizeof(struct fault_frame) + PREEMPT_ROOM;
    uintptr_t floor = stack_floor(sp, co->stack_base + PAGE_BYTES); /* elsewhere: a usual guard */
    if (sp - co->stack_base < co->stack_bytes && sp - need < floor)
        return false;
    continue_there(sp - RED_ZONE, preempt_there, KICK_SIGNAL, info, context);
    return true;
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
        sys4(__NR_rt_sigaction, signal, &standard, NULL, 8);
        return;
    }
    continue_there(stack_for(co, &ps->action[signal], context), run_there, signal, info, context);
}
