/* What a handler that runs at the end of a call is told of it, and what becomes of what it changes.
 *
 * The kernel's frame shows a call that is to end with EINTR as one that has, and one that is to be made
 * again as one about to be made: its number in rax, the program counter at the instruction. What the
 * handler leaves there is what the thread goes on with. By the gate it is the same here, and interrupted
 * calls of symbols come by the gate, too (op_hand_over). Others, which have ended when a handler runs, are
 * shown behind the caller's call of the symbol, without the other registers, which are not known: rax is
 * the result, an error negative, and program counter and stack pointer lead elsewhere if changed. */
#include "interpose/process.h"
#include "interpose/signal.h"

#include "runtime/kthread.h"

#define INSTRUCTION_BYTES 2
#define FLAGS_CLEAR       0x202 /* interrupts are on, and the bit that is always set */

static struct sigcontext *registers_of(struct ucontext *context)
{
    return (struct sigcontext *)&context->uc_mcontext;
}

static const struct gate_frame *site_frame(const struct co *co)
{
    return co->door == DOOR_GATE ? co->frame : NULL;
}

static bool is_begun_again(long result, bool restart)
{
    return result == OP_PASS || result == -ERESTARTNOINTR || (result == -ERESTARTSYS && restart);
}

static long shown_result(long result)
{
    return result <= -ERESTARTSYS && result >= -ERESTARTNOHAND ? -EINTR : result;
}

void signal_describe_call(const struct co *co, long result, bool restart, struct ucontext *context)
{
    struct sigcontext *at = registers_of(context);
    const struct gate_frame *f = site_frame(co);
    bool again = is_begun_again(result, restart);
    memset(context, 0, sizeof(*context));
    if (!f) {
        at->rip = co->caller.pc;
        at->rsp = co->caller.sp;
        at->rax = (uint64_t)shown_result(result);
        at->eflags = FLAGS_CLEAR;
        return;
    }
    *at = (struct sigcontext){
        .r8 = f->r8,
        .r9 = f->r9,
        .r10 = f->r10,
        .r11 = FLAGS_CLEAR,
        .r12 = f->r12,
        .r13 = f->r13,
        .r14 = f->r14,
        .r15 = f->r15,
        .rdi = f->rdi,
        .rsi = f->rsi,
        .rbp = f->rbp,
        .rbx = f->rbx,
        .rdx = f->rdx,
        .rax = again ? f->rax : (uint64_t)shown_result(result),
        .rcx = f->site,
        .rsp = frame_sp(f),
        .rip = again ? f->site - INSTRUCTION_BYTES : f->site,
        .eflags = FLAGS_CLEAR,
    };
}

static void put_registers(struct gate_frame *f, const struct sigcontext *at)
{
    f->r8 = at->r8;
    f->r9 = at->r9;
    f->r10 = at->r10;
    f->r12 = at->r12;
    f->r13 = at->r13;
    f->r14 = at->r14;
    f->r15 = at->r15;
    f->rdi = at->rdi;
    f->rsi = at->rsi;
    f->rbp = at->rbp;
    f->rbx = at->rbx;
    f->rdx = at->rdx;
}

/* The call is left for good. What is due still comes by a kick, which finds the program. */
static void go_on_elsewhere(struct co *co, const struct sigcontext *at) __attribute__((noreturn));
static void go_on_elsewhere(struct co *co, const struct sigcontext *at)
{
    struct carrier *carrier = this_carrier();
    co->hint_kind = WAIT_NONE;
    runtime_leave(carrier);
    if (carrier->kthread.attention || signal_deliverable(co))
        sys3(__NR_tgkill, runtime.pid, carrier->kernel_tid, KICK_SIGNAL);
    signal_jump(at);
}

long signal_changed_call(struct co *co, long result, const struct sigcontext *offered,
                         struct ucontext *context)
{
    const struct sigcontext *at = registers_of(context);
    struct gate_frame *f = co->door == DOOR_GATE ? co->frame : NULL;
    if (likely(memcmp(at, offered, offsetof(struct sigcontext, eflags)) == 0))
        return result;
    if (!f && at->rip == offered->rip && at->rsp == offered->rsp)
        return at->rax != offered->rax ? (long)at->rax : result;
    bool again = f && at->rip == f->site - INSTRUCTION_BYTES;
    if (!f || at->rsp != offered->rsp || (at->rip != f->site && !again))
        go_on_elsewhere(co, at);
    put_registers(f, at);
    if (!again)
        return at->rip != offered->rip || at->rax != offered->rax ? (long)at->rax : result;
    f->rax = at->rax;
    return at->rip != offered->rip ? -ERESTARTNOINTR : result;
}
