/* Page faults that another thread of the process ends.
 *
 * A userfaultfd's thread must run while the one that touched the page waits in the kernel, but that one is
 * in program code: no call, so no helper's. The kick takes it out of the fault, and the kernel takes the
 * fault back, as if it had never been; once its turn comes again it is made again, with nobody to see it.
 *
 * So once the process has a userfaultfd, a thread that the kick meets in the same place again parks, and a
 * helper executes its next instruction in its stead: with its registers, its FS base and its stack, and the
 * trap flag. There the fault lasts as long as it has to. The trap brings the registers back, and the thread
 * goes on behind the instruction. Anything else that comes, a fault of another kind or a handler that must
 * run, leaves them as they were, and the thread executes the instruction itself. */
#include "interpose/signal.h"

#include "runtime/kthread.h"
#include "runtime/offload.h"
#include "runtime/sched.h"

#define TRAP_FLAG      0x100UL
#define FEATURES_AT    472         /* in the FXSAVE image: struct _fpx_sw_bytes's xfeatures */
#define FEATURES_GROWN (1UL << 18) /* AMX tiles: a thread has room for them from the first use on */
#define PREFIXES_MAX   14
#define SET_MASK       2
#define SIGNAL_SIZE    8
#define UFFD_NEW       0xaa00 /* USERFAULTFD_IOC_NEW, of /dev/userfaultfd */

/* What an instruction may raise, which none may block; and what makes the helper give up. */
#define OF_INSTRUCTIONS                                                                            \
    (sigbit(SIGSEGV) | sigbit(SIGBUS) | sigbit(SIGILL) | sigbit(SIGTRAP) | sigbit(SIGFPE))

/* What a signal has to find a helper in the middle of. */
struct step {
    struct signal_frame *frame;
    void *sp; /* the helper's own context */
};

static struct process_signals *const ps = &process_signals;

void step_arm(void)
{
    if (ps->stepping)
        return;
    ps->stepping = true;
    signal_install(SIGTRAP);
}

bool step_ioctl_arms(unsigned request)
{
    return request == UFFD_NEW;
}

long op_userfaultfd(unsigned flags)
{
    long fd = sys1(__NR_userfaultfd, flags);
    if (fd >= 0)
        step_arm();
    return fd;
}

static bool is_prefix(uint8_t byte)
{
    static const uint8_t others[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26,
                                      0x2e, 0x36, 0x3e, 0x64, 0x65 };
    if ((byte & 0xf0) == 0x40) /* REX */
        return true;
    for (size_t i = 0; i < sizeof(others); i++) {
        if (byte == others[i])
            return true;
    }
    return false;
}

/* Calls are made where they are, and so is what sets a segment's base; of the trap flag the program must
 * see nothing. */
static bool is_ordinary(uint8_t opcode, uint8_t second, uint8_t third)
{
    switch (opcode) {
    case 0x0f: /* syscall, sysenter; wrfsbase and its kin, and fences, which cannot fault */
        return second != 0x05 && second != 0x34 && (second != 0xae || third < 0xc0);
    case 0x8e: /* to a segment register: the trap may come an instruction late */
    case 0x9c: /* pushf, popf */
    case 0x9d:
    case 0xcc: /* int3, int, iret, int1 */
    case 0xcd:
    case 0xcf:
    case 0xf1:
        return false;
    default:
        return true;
    }
}

/* Not ours: what takes a lock without a prefix relies on one thread running at a time. */
static bool may_execute(uintptr_t pc)
{
    uint8_t byte[3] = { 0 };
    if (pc >= (uintptr_t)__ehdr_start && pc < (uintptr_t)etext)
        return false;
    for (int i = 0; i <= PREFIXES_MAX; i++, pc++) {
        if (user_copy(byte, (const void *)pc, 1) != 0)
            return false;
        if (!is_prefix(byte[0]))
            break;
    }
    if (byte[0] == 0x0f && user_copy(byte, (const void *)pc, sizeof(byte)) != 0)
        return false;
    return is_ordinary(byte[0], byte[1], byte[2]);
}

static bool may_step(const struct signal_frame *frame)
{
    const struct sigcontext *at = (const void *)&frame->context.uc_mcontext;
    uint64_t features = 0;
    if (at->fpstate)
        memcpy(&features, (const char *)at->fpstate + FEATURES_AT, sizeof(features));
    return !(at->eflags & TRAP_FLAG) && !(features & FEATURES_GROWN) && may_execute(at->rip);
}

static void resume(void *frame)
{
    signal_resume(&((struct signal_frame *)frame)->context);
}

/* On the helper. Its own stack's lower part is for signals, and here for the few instructions before
 * the thread's registers are loaded. */
static long execute(struct offload_job *job)
{
    struct kthread *own = this_kthread();
    struct step step = { .frame = (struct signal_frame *)job->argument[0] };
    struct sigcontext *at = (void *)&step.frame->context.uc_mcontext;
    sigbits all = ~UINT64_C(0), old;
    sigbits during = ~(OF_INSTRUCTIONS | sigbit(KICK_SIGNAL));
    sys4(__NR_rt_sigprocmask, SET_MASK, &all, &old, SIGNAL_SIZE);
    if (!job->interrupted) {
        memcpy(&step.frame->context.uc_sigmask, &during, sizeof(during));
        at->eflags |= TRAP_FLAG;
        signal_use_own_stack();
        fs_base_set(&runtime.cpu, job->co->fs_base);
        own->step = &step;
        context_switch(&step.sp, context_prepare((char *)own->stack + KTHREAD_SIGNAL_BYTES, resume,
                                                 step.frame));
        fs_base_set(&runtime.cpu, 0);
        at->eflags &= ~TRAP_FLAG;
    }
    sys4(__NR_rt_sigprocmask, SET_MASK, &old, NULL, SIGNAL_SIZE);
    return 0;
}

void step_end(struct kthread *own, int signal, const siginfo_t *info, struct ucontext *context)
{
    struct step *step = own->step;
    void *left;
    own->step = NULL;
    if (signal == SIGTRAP && info->si_code == TRAP_TRACE)
        signal_copy_registers(&step->frame->context, context);
    else if (signal != KICK_SIGNAL && info->si_code <= 0)
        signal_leave_note(signal, info, NULL, context);
    context_switch(&left, step->sp);
}

void step_preempt(struct co *co, struct signal_frame *frame)
{
    const struct sigcontext *at = (const void *)&frame->context.uc_mcontext;
    bool again = sched_meet(at->rip, at->rsp);
    if (likely(!ps->stepping) || !again || !co->fs_base || !may_step(frame) ||
        offload_run(execute, (long)frame) != 0)
        sched_yield_polling();
}
