/* Signals, virtual: what the kernel keeps per process and per thread, kept here. See signal.c. */
#ifndef CORO_INTERPOSE_SIGNAL_H
#define CORO_INTERPOSE_SIGNAL_H

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <linux/signal.h>
#include <asm/ucontext.h>

#include "interpose/op.h"
#include "runtime/arch/x86_64/sigframe.h"

#define NOTES_MAX         256U
#define FAULT_STACK_BYTES (64 * 1024UL)
#define RED_ZONE          128

/* A signal that the kernel delivered while runtime code ran. */
struct sig_note {
    volatile bool ready;
    siginfo_t info;
};

struct process_signals {
    struct kernel_sigaction action[SIGNALS + 1]; /* the program's, by number */
    sigbits caught;                              /* our handler is installed in the kernel */
    sigbits ever_blocked; /* by some thread, since activation: caught even when not handled */
    sigbits signalfd_set; /* of all signalfds */
    sigbits resting_mask; /* the kernel's, while the program runs: see sigsource.c */
    sigbits kernel_mask;
    void *fault_stack;          /* the carrier's alternate stack */
    struct sig_pending pending; /* process-directed, nobody could take it yet */
    struct sig_note note[NOTES_MAX];
    volatile uint32_t notes_head, notes_tail;
    struct pool queued_pool;
};

extern struct process_signals process_signals;

/* Adds to @pending; a standard signal that is there already is dropped, as in the kernel. */
void pending_add(struct sig_pending *pending, int signal, const siginfo_t *info);
/* Takes the first pending signal of @set; false: none. */
bool pending_take(struct sig_pending *pending, sigbits set, siginfo_t *info);
void pending_clear(struct sig_pending *pending);

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

/* The end of room for what concerns only us, beside the interrupted code; 0: no memory. */
uintptr_t signal_own_place(struct co *co, const struct ucontext *context);
uintptr_t signal_side_stack(struct co *co);
bool signal_on_side_stack(const struct co *co, const void *frame);
void signal_free_side_stack(struct co *co);

/* The kernel's mask until signal_rest, or until a frame is resumed. */
void signal_set_kernel_mask_for_now(sigbits mask);

/* Runs one handler of @co for @info (sigdeliver.c), in the runtime. */
void signal_deliver_one(struct co *co, siginfo_t *info, struct ucontext *context);

/* The kernel's entry for every handled signal (sigdeliver.c). */
void signal_entry(int signal, siginfo_t *info, struct ucontext *context);

/* Gives a process-directed signal to a thread that may take it, or keeps it pending. */
void signal_route(int signal, const siginfo_t *info);

/* Has our handler installed for all of @set. */
void signal_catch(sigbits set);

/* A mask changed, or a thread came or went: the kernel's mask follows where signalfds need it. */
void signal_update_resting_mask(void);

/* Learns of the signalfds that the program has made before it made threads. */
void signal_find_signalfds(void);

/* True when the kernel sent @info for one thread of ours: *co, NULL when it is gone. */
bool signal_is_for_thread(const siginfo_t *info, struct co **co);

/* Tells the kernel what @signal's action is, given the program's and who blocks it. */
void signal_install(int signal);

/* True when the default action of @signal ends or stops the process. */
bool signal_default_acts(int signal);

#endif
