/* Bare kernel threads of ours: the monitor and the helpers. They have no TLS and no libc, block
 * every signal but the kick, and never run the program's code. */
#ifndef CORO_KTHREAD_H
#define CORO_KTHREAD_H

#include "runtime/carrier.h"

/* The signal with which our kernel threads prod one another: glibc's SIGSETXID, whose own use is
 * virtual (interpose/signal.c), so that no program can take it. */
#define KICK_SIGNAL 33

/* A kernel thread's own stack: signals that must not come on the program's stack use the lower part
 * (KTHREAD_SIGNAL_BYTES), its own code the upper. */
#define KTHREAD_STACK_BYTES  (128 * 1024UL)
#define KTHREAD_SIGNAL_BYTES (64 * 1024UL)

/* Makes @kthread stand for the calling kernel thread, which is not of our making, and gives it a
 * stack of its own. Returns 0 or -ENOMEM. */
int kthread_init_first(struct kthread *kthread, int tid);

/* Starts fn(argument) on a new kernel thread called @name (at most 15 bytes, "coro-..."), with
 * @kthread at its GS base. Returns its kernel tid or -errno. Never parks. */
long kthread_start(struct kthread *kthread, const char *name, void (*fn)(void *), void *argument);

/* thread.S: the system call @nr, clone or clone3, with @word, whose stack is from kthread_stack.
 * Returns the child's id or -errno; the child calls the function that was put there, and exits. */
long kthread_clone(long nr, const long word[5]);

/* Puts fn(argument) below @top for kthread_clone; returns the stack pointer to begin with. */
static inline uintptr_t kthread_stack(uintptr_t top, void (*fn)(void *), void *argument)
{
    uintptr_t *sp = (uintptr_t *)align_down(top, 16);
    *--sp = (uintptr_t)fn;
    *--sp = (uintptr_t)argument;
    return (uintptr_t)sp;
}

/* Ends the calling kernel thread, started as @kthread, and gives back its stack. Calls @release first, with
 * all signals blocked: after it, nobody touches @kthread. */
void kthread_end(struct kthread *kthread, void (*release)(struct kthread *kthread))
    __attribute__((noreturn));

/* The calling kernel thread, which ran the carrier, takes only the kick from now on. */
void kthread_block_signals(void);

/* Sends the kick to kernel thread @tid of this process. */
void kthread_kick(int tid);

/* Gives the calling kernel thread a descriptor table of its own, holding only the @count descriptors of
 * @keep (each -1 or valid). While two kernel threads share a table, every call on a descriptor of
 * either counts references; alone, it needn't. False: the kernel can't, nothing has changed. */
bool kthread_split_files(const int *keep, size_t count);

/* For the kick's handler: if the interrupted address *@pc lies in a call of sys_interruptible that
 * has not taken effect, makes it return -ERESTARTSYS. Async-signal-safe. */
bool kthread_abort_call(uint64_t *pc);

#endif
