/* Calls that the kernel hands over: Syscall User Dispatch, with CORO_DISPATCH=on.
 *
 * A system call that is made anywhere but in this object's text, at a site that stayed raw or in code
 * made at run time, becomes a SIGSYS. It is answered as the gate would: the registers of the kernel's
 * frame are the gate's frame, the result goes where rax was. The kernel's frame keeps all vector
 * state. Rewritten sites call from this object's text and never get here; nor do a stub's own
 * instructions, since gate_dispatch makes the calls that pass by itself.
 *
 * Handlers are not run from here: as in the kernel, a call that a handler interrupts is set to be
 * executed again, or to return EINTR, and then the frame is treated like one of any interruption.
 *
 * The setting belongs to the kernel thread: helpers never have it, and a child of fork loses it, as
 * does exec, and so does a guest (guest.c). */
#include "interpose/process.h"

#include <linux/prctl.h>

#include "interpose/signal.h"

#define INSTRUCTION_BYTES 2

static volatile char selector = SYSCALL_DISPATCH_FILTER_ALLOW;

int trapped_arm(void)
{
    selector = SYSCALL_DISPATCH_FILTER_ALLOW;
    long error = sys5(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, __ehdr_start,
                      (uintptr_t)etext - (uintptr_t)__ehdr_start, &selector);
    if (error)
        return (int)error;
    process_signals.dispatching = true;
    signal_install(SIGSYS);
    signal_mask_follow();
    selector = SYSCALL_DISPATCH_FILTER_BLOCK;
    return 0;
}

static bool restarts(long result)
{
    return result <= -ERESTARTSYS && result >= -ERESTARTNOHAND;
}

static long call_once(struct carrier *carrier, struct gate_frame *f)
{
    struct co *co = carrier->current;
    co->door = DOOR_GATE;
    co->simd = SIMD_NONE;
    co->frame = f;
    long result = gate_operation(f);
    if (result != OP_PASS)
        return result;
    return sys_interruptible(&carrier->kthread.attention, (long)f->rax, (long)f->rdi, (long)f->rsi,
                             (long)f->rdx, (long)f->r10, (long)f->r8, (long)f->r9);
}

/* The child of a fork is native: what the kernel holds for it is not to be changed. */
static void go_native(struct signal_frame *frame) __attribute__((noreturn));
static void go_native(struct signal_frame *frame)
{
    sys2(__NR_sigaltstack, NULL, &frame->context.uc_stack);
    sys4(__NR_rt_sigprocmask, SIG_SETMASK, NULL, &frame->context.uc_sigmask, sizeof(sigbits));
    frame->context.uc_mcontext.rax = 0;
    signal_resume(&frame->context);
}

/* What the call returns, given that handlers are due if it was interrupted. */
static void set_result(const struct co *co, struct sigcontext *at, long result)
{
    if (!restarts(result)) {
        at->rax = (uint64_t)result;
        return;
    }
    const struct kernel_sigaction *action = &process_signals.action[signal_first_due(co)];
    bool again =
        result == -ERESTARTNOINTR || (result == -ERESTARTSYS && action->flags & SA_RESTART);
    if (again)
        at->rip -= INSTRUCTION_BYTES; /* rax holds the number still */
    else
        at->rax = (uint64_t)-EINTR;
}

static void answer(void *argument)
{
    struct signal_frame *frame = argument;
    struct sigcontext *at = (struct sigcontext *)&frame->context.uc_mcontext;
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    struct trapped_frame trapped = { .sp = at->rsp,
                                     .frame = {
                                         .r15 = at->r15,
                                         .r14 = at->r14,
                                         .r13 = at->r13,
                                         .r12 = at->r12,
                                         .rbp = at->rbp,
                                         .rbx = at->rbx,
                                         .r9 = at->r9,
                                         .r8 = at->r8,
                                         .r10 = at->r10,
                                         .rdx = at->rdx,
                                         .rsi = at->rsi,
                                         .rdi = at->rdi,
                                         .rax = at->rax,
                                         .tail = at->rip,
                                         .site = at->rip,
                                     } };
    long result;
    signal_rest(); /* we came in with all blocked */
    do {
        result = call_once(carrier, &trapped.frame);
        if (runtime.mode != MODE_ACTIVE)
            go_native(frame);
        op_attend(carrier, co);
    } while (restarts(result) && !signal_deliverable(co));
    set_result(co, at, result);
    frame->signal = 0;
    signal_in_program(frame);
}

void trapped_call(struct carrier *carrier, siginfo_t *info, struct ucontext *context)
{
    if (context->uc_mcontext.rax == __NR_rt_sigreturn) /* its frame is the program's own */
        signal_resume((void *)context->uc_mcontext.rsp);
    uintptr_t above = signal_own_place(carrier->current, context);
    if (!above) {
        context->uc_mcontext.rax = (uint64_t)-ENOMEM;
        return;
    }
    runtime_enter(carrier);
    signal_continue(above, answer, SIGSYS, info, context);
}
