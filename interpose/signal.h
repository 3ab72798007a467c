/* Signals, virtual: what the kernel keeps per process and per thread, kept here. See signal.c. */
#ifndef CORO_INTERPOSE_SIGNAL_H
#define CORO_INTERPOSE_SIGNAL_H

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <linux/signal.h>
#include <asm/ucontext.h>

#include "interpose/op.h"
#include "runtime/arch/x86_64/sigframe.h"

#define NOTES_MAX  256U
#define NOTES_HELD 128U /* with so many, all further signals are held in the kernel */
#define RED_ZONE   128
/* No valid ss_flags: rt_sigreturn then leaves the alternate stack alone, which is the kernel
 * thread's, and that may be another by then. */
#define STACK_UNCHANGED 0x100

/* A signal that the kernel delivered while runtime code ran. */
struct sig_note {
    volatile bool ready;
    struct co *co;    /* whose call raised it; NULL: the process's */
    uint32_t running; /* the tid of who ran, who may have ended since; 0: nobody */
    siginfo_t info;
};

struct process_signals {
    struct kernel_sigaction action[SIGNALS + 1]; /* the program's, by number */
    sigbits caught;                              /* our handler is installed in the kernel */
    sigbits ever_waited;  /* by sigwait and its kin: caught even when not handled */
    sigbits signalfd_set; /* of all signalfds */
    sigbits never_rests;  /* of timers that sigtimer.c keeps: they come in whoever blocks them */
    sigbits resting_mask; /* the kernel's, while the program runs: see sigmask.c */
    sigbits kernel_mask;
    bool dispatching;           /* SIGSYS brings system calls: see trapped.c */
    bool stepping;              /* SIGTRAP ends steps: see step.c */
    struct sig_pending pending; /* process-directed, nobody could take it yet */
    sigbits left_behind;        /* process-directed, pending with a thread though it blocks them */
    uint32_t queued;            /* in all pending sets */
    struct {
        sigbits set;
        uint32_t count;
    } handed_over; /* to the kernel, for an exec: the caller's own */
    struct sig_note note[NOTES_MAX];
    volatile uint32_t notes_head, notes_tail;
    bool holding; /* signals, until the notes are drained */
    struct pool queued_pool;
};

extern struct process_signals process_signals;

/* sigpending.c. Adds to @pending; a standard signal that is there already is dropped, as in the kernel. */
void pending_add(struct sig_pending *pending, int signal, const siginfo_t *info);
/* Takes the first pending signal of @set; false: none. */
bool pending_take(struct sig_pending *pending, sigbits set, siginfo_t *info);
/* The same of what @co was given: its own first, then the process's. */
bool pending_take_given(struct co *co, sigbits set, siginfo_t *info);
void pending_remove(struct sig_pending *pending, sigbits set);
/* Removes what the timer with this id has sent. */
void pending_withdraw(struct sig_pending *pending, int timer);
void pending_remove_given(struct co *co, sigbits set);
/* True when so many are pending that one more must be refused with EAGAIN. */
bool pending_refuses(int signal, const siginfo_t *info);
/* Takes the first of @set that is pending for @co or the process. */
bool pending_take_waited(struct co *co, sigbits set, siginfo_t *info);
/* What was process-directed and given to @co, which can't take @set now, goes to others. */
void pending_route_again(struct co *co, sigbits set);
/* At activation: what the kernel has for the only thread. */
/* Those of @set that were left with a thread that blocks them are pending for the process. */
void pending_collect(sigbits set);
void pending_take_over(struct co *co);
void pending_hand_over(struct co *co); /* before an exec */
void pending_take_back(struct co *co); /* after one that failed */

/* A fault of the program: @context is the kernel's frame, on the carrier's alternate stack for
 * SIGSEGV and SIGBUS. Leaves with the program's handler having run, or set to happen again under
 * the default action (sigfault.c). */
void signal_fault(struct carrier *carrier, int signal, siginfo_t *info, struct ucontext *context);

/* A copy of the kernel's frame, in the order of addresses, on the stack where we went on. */
struct signal_frame {
    struct ucontext context;
    siginfo_t info;
    int signal;
};

/* Program code was interrupted: lets others run if by the kick, runs the handlers that are due, and
 * resumes it. In the runtime, on the thread's stack or its side stack, all blocked. PARKS.
 * (sigdeliver.c) */
void signal_in_program(void *frame) __attribute__((noreturn));

/* Copies the kernel's frame to below @above and goes on with fn(copy) there, all blocked still.
 * (sigplace.c) */
void signal_continue(uintptr_t above, void (*fn)(void *), int signal, const siginfo_t *info,
                     const struct ucontext *context) __attribute__((noreturn));

/* The end of the stack that @signal's handler runs on in @co, given what it interrupts. */
uintptr_t signal_stack_for(const struct co *co, int signal, const struct ucontext *context);

/* @to, made by signal_continue, gets the registers of @from, vector state included. A thread with more vector
 * state than others is none for this: see step.c. */
void signal_copy_registers(struct ucontext *to, const struct ucontext *from);

/* The lowest address of the frame that signal_continue makes there. */
uintptr_t signal_frame_below(uintptr_t above, const struct ucontext *context);

/* sigcall.c: what a handler is told that it interrupts, when it runs at the end of a call of @co's, whose
 * result is @result so far; @restart: -ERESTARTSYS begins it again. */
void signal_describe_call(const struct co *co, long result, bool restart, struct ucontext *context);
/* The handler has left @context, of which it was offered @offered: the call's result from now on. Doesn't
 * return when the thread is to go on elsewhere. */
long signal_changed_call(struct co *co, long result, const struct sigcontext *offered,
                         struct ucontext *context);

/* The end of room for what concerns only us, beside the interrupted code; 0: no memory. */
uintptr_t signal_own_place(struct co *co, const struct ucontext *context);
uintptr_t signal_side_stack(struct co *co);
bool signal_on_side_stack(const struct co *co, const void *frame);
void signal_free_side_stack(struct co *co);

/* Brings the kernel's mask in line with the threads' (sigmask.c). */
void signal_mask_follow(void);

/* The kernel's mask until signal_rest, or until a frame is resumed. */
void signal_set_kernel_mask_for_now(sigbits mask);

/* Runs one handler of @co for @info (sigdeliver.c), in the runtime. */
void signal_deliver_one(struct co *co, siginfo_t *info, struct ucontext *context);

/* The kernel's entry for every handled signal (sigdeliver.c). */
void signal_entry(int signal, siginfo_t *info, struct ucontext *context);

/* Lets the kernel do what it does by default. */
void signal_act_by_default(int signal);

/* sigroute.c. Gives a process-directed signal to a thread that may take it, or keeps it pending. */
void signal_route(int signal, const siginfo_t *info);
/* The kernel has sent this while @running, NULL: nobody, ran: routes it, unless it is a timer's that is to go
 * on. */
void signal_take_in(int signal, siginfo_t *info, struct co *running);
/* A call that fails may raise a signal for its thread: @caller, if that is so; NULL: @info is the
 * process's. */
struct co *signal_raised_by_call(struct co *caller, int signal, const siginfo_t *info,
                                 const struct ucontext *context);
/* Notes a signal that came while runtime code runs, for @co, or for the process if that is NULL. @context:
 * the kernel's. Any kernel thread; in its handler. */
void signal_leave_note(int signal, const siginfo_t *info, struct co *co, struct ucontext *context);
/* Sends what was noted to whom it is for. */
void signal_drain_notes(void);

/* A thread waits for @set: our handler is installed for all of it. */
void signal_catch(sigbits set);

/* sigmask.c: @co accepts @set without being interrupted by it; 0: no more. */
void signal_wait_for(struct co *co, sigbits set);
/* The first thread of all has this mask. */
void signal_mask_begin(struct co *co, sigbits mask);
void signal_mask_end(struct co *co);
sigbits signal_kept_by_all(void);
/* From here on @set comes in, whoever blocks it. */
void signal_keep_from_resting(sigbits set);

/* What signalfds may tell @co that the kernel doesn't know of. */
static inline sigbits signal_unread(const struct co *co)
{
    const struct process_signals *all = &process_signals;
    if (likely(!all->signalfd_set))
        return 0;
    sigbits here = co->signals.pending.set | all->pending.set | all->left_behind;
    return here & all->signalfd_set & co->signals.mask;
}

/* sigsource.c. Reads of it as much as goes into @buffer: bytes, 0: nothing, or -EFAULT. */
long signal_read_unread(struct co *co, int fd, void *buffer, size_t bytes);

/* Signals that are pending in the kernel, so that it takes signalfds for readable. */
struct signal_loan {
    sigbits lent, opened; /* opened: blocked for that sake alone */
};
struct signal_loan signal_lend_unread(struct co *co);
void signal_end_loan(struct signal_loan loan);

/* @bit is pending for @co: if it waits for descriptors, it looks again. */
void signal_wake_reader(struct co *co, sigbits bit);
void signal_wake_readers(sigbits bit); /* pending for the process */

/* Around a question to the kernel which descriptors are ready. */
static inline struct signal_loan signal_lend(struct co *co)
{
    return unlikely(signal_unread(co)) ? signal_lend_unread(co) : (struct signal_loan){ 0 };
}

static inline void signal_take_back(struct signal_loan loan)
{
    if (unlikely(loan.lent | loan.opened))
        signal_end_loan(loan);
}

/* Learns of the signalfds, and of userfaultfds, that the program has made before it made threads. */
void signal_find_signalfds(void);

/* The set after @label in a description that the kernel gives in /proc; none: 0. */
sigbits signal_described_set(const char *text, long length, const char *label);

/* sigtimer.c. True when a timer sent @info for one thread of ours: *co, NULL when it is gone. */
bool signal_is_for_thread(const siginfo_t *info, struct co **co);
/* False: too little time has passed on the clock of the timer that sent @info, which goes on. Completes @info. */
bool signal_timer_expired(siginfo_t *info);
/* The program is given this signal of a timer. */
void signal_timer_given(const siginfo_t *info);
/* In the child of a fork: it has no timers. */
void signal_timers_reset(void);

/* sigio.c: the same of signals about descriptors. */
bool sigio_is_for_thread(const siginfo_t *info, struct co **co);

/* step.c: there is a userfaultfd, or this ioctl makes one. */
void step_arm(void);
bool step_ioctl_arms(unsigned request);
/* The slice of @co is over, in program code that @frame describes; a helper may change it. PARKS. */
void step_preempt(struct co *co, struct signal_frame *frame);
/* A helper that executes a thread's instruction, @own->step, takes any signal: it is done. */
void step_end(struct kthread *own, int signal, const siginfo_t *info, struct ucontext *context);

/* trapped.c: has the kernel hand over what this thread calls outside our text. 0 or -errno. */
int trapped_arm(void);
/* Answers such a call, in program code. Returns only when it has failed. */
void trapped_call(struct carrier *carrier, siginfo_t *info, struct ucontext *context);

/* The signal that @co would be given first; there is one. */
int signal_first_due(const struct co *co);

/* Our own text. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

/* The kernel thread takes signals on the lower part of its own stack. */
void signal_use_own_stack(void);

/* Tells the kernel what @signal's action is, given the program's and who blocks it. */
void signal_install(int signal);

bool signal_is_ignored(int signal);

/* What @signal does by default: ends the process. */
bool signal_ends_process(int signal);

/* What the program handles has its default action again; what it ignores stays so. In a new child: the
 * kernel is not told. */
void signal_forget_handlers(void);

/* The alternate stack as sigaltstack(2) tells it to a thread whose stack pointer is @sp, and what it
 * says to a new one: 0 or -errno. */
stack_t signal_altstack(const struct co *co, uintptr_t sp);
int signal_set_altstack(struct co *co, const stack_t *wanted, uintptr_t sp);

#endif
