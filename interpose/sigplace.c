/* Where the frame of a signal goes.
 *
 * Every signal arrives on the carrier's own alternate stack: the thread's may be exhausted, or be no
 * stack that has room for us at all. Language runtimes keep their own stacks under the stack pointer
 * (goroutines, generated code), which natively a handler with SA_ONSTACK never touches. What follows
 * must not run on the carrier's stack: it may block, or jump away, and the next signal would
 * overwrite it. So the kernel's frame is copied to where it belongs, the rest runs there, and
 * rt_sigreturn takes the copy.
 *
 * A handler of the program's has its frame where the kernel would have put it. What concerns us
 * alone, a preemption, goes below the thread's own stack pointer where that is safe, else to a side
 * stack of the thread's. Handlers never run on a side stack, so one for each thread is enough. */
#include "interpose/process.h"
#include "interpose/signal.h"

#include "runtime/stack.h"

#define FXSAVE_BYTES     512
#define SOFTWARE_BYTES   464 /* struct _fpx_sw_bytes in the FXSAVE image (asm/sigcontext.h) */
#define XSTATE_MAGIC     0x46505853U
#define MARK_BYTES       4    /* FP_XSTATE_MAGIC2 */
#define OWN_ROOM         1536 /* of stack, for what runs until another thread does */
#define SIDE_STACK_BYTES (64 * 1024UL)

static struct process_signals *const ps = &process_signals;

static size_t fp_bytes(const struct ucontext *context)
{
    const char *state = (const char *)context->uc_mcontext.fpstate;
    uint32_t software[2]; /* magic, size of the whole state */
    if (!state)
        return 0;
    memcpy(software, state + SOFTWARE_BYTES, sizeof(software));
    return software[0] == XSTATE_MAGIC ? software[1] : FXSAVE_BYTES;
}

uintptr_t signal_stack_for(const struct co *co, int signal, const struct ucontext *context)
{
    const stack_t *alt = &co->signals.altstack;
    uintptr_t sp = context->uc_mcontext.rsp;
    bool wanted = ps->action[signal].flags & SA_ONSTACK;
    if (wanted && alt->ss_size && sp - (uintptr_t)alt->ss_sp >= alt->ss_size)
        return (uintptr_t)alt->ss_sp + alt->ss_size;
    return sp - RED_ZONE;
}

uintptr_t signal_frame_below(uintptr_t above, const struct ucontext *context)
{
    uintptr_t top = align_down(above - fp_bytes(context), 64);
    return align_down(top - sizeof(struct signal_frame), 64);
}

bool signal_on_side_stack(const struct co *co, const void *frame)
{
    return co->side_stack && (uintptr_t)frame - (uintptr_t)co->side_stack < SIDE_STACK_BYTES;
}

void signal_free_side_stack(struct co *co)
{
    if (co->side_stack)
        pages_unmap(co->side_stack, SIDE_STACK_BYTES);
    co->side_stack = NULL;
}

uintptr_t signal_side_stack(struct co *co)
{
    if (!co->side_stack)
        co->side_stack = pages_map(SIDE_STACK_BYTES);
    return co->side_stack ? (uintptr_t)co->side_stack + SIDE_STACK_BYTES : 0;
}

uintptr_t signal_own_place(struct co *co, const struct ucontext *context)
{
    uintptr_t sp = context->uc_mcontext.rsp;
    size_t need = RED_ZONE + fp_bytes(context) + sizeof(struct signal_frame) + OWN_ROOM;
    uintptr_t floor = stack_floor(sp, co->stack_base + PAGE_BYTES); /* elsewhere: a usual guard */
    if (sp - co->stack_base < co->stack_bytes && sp - need >= floor)
        return sp - RED_ZONE;
    return signal_side_stack(co);
}

/* What says how large the vector state is, and its mark at the end, stay: another kernel thread may have
 * room for more. */
void signal_copy_registers(struct ucontext *to, const struct ucontext *from)
{
    char *fp = (char *)to->uc_mcontext.fpstate;
    const char *from_fp = (const char *)from->uc_mcontext.fpstate;
    size_t bytes = fp_bytes(to);
    if (bytes)
        memcpy(fp, from_fp, SOFTWARE_BYTES);
    if (bytes > FXSAVE_BYTES)
        memcpy(fp + FXSAVE_BYTES, from_fp + FXSAVE_BYTES, bytes - FXSAVE_BYTES - MARK_BYTES);
    to->uc_mcontext = from->uc_mcontext;
    to->uc_mcontext.fpstate = (void *)fp;
}

void signal_continue(uintptr_t above, void (*fn)(void *), int signal, const siginfo_t *info,
                     const struct ucontext *context)
{
    size_t bytes = fp_bytes(context);
    uintptr_t top = align_down(above - bytes, 64);
    struct signal_frame *frame = (struct signal_frame *)signal_frame_below(above, context);
    frame->context = *context;
    frame->info = *info;
    frame->signal = signal;
    /* rt_sigreturn sets what it finds here */
    frame->context.uc_stack.ss_flags = STACK_UNCHANGED;
    if (bytes) {
        memcpy((void *)top, context->uc_mcontext.fpstate, bytes);
        frame->context.uc_mcontext.fpstate = (void *)top;
    }
    call_on_stack(fn, frame, (uintptr_t)frame);
}
