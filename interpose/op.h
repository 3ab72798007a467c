/* Operations: one function per call, whatever door it came through.
 *
 * op_NAME(...) takes the system call's arguments and returns its result or -errno, as the kernel
 * would, or one of: -ERESTARTSYS and its like in co.h (a signal handler must run first), -EDOOR
 * (cancellation; symbol doors only), OP_PASS (execute the instruction itself). It runs on the
 * caller's stack with in_runtime set, never touches errno, and may park. */
#ifndef CORO_OP_H
#define CORO_OP_H

#include <linux/errno.h>
#include <linux/time_types.h>

#include "interpose/activation.h"
#include "runtime/cputime.h"
#include "runtime/fault.h"
#include "runtime/fd.h"
#include "runtime/futex.h"
#include "runtime/offload.h"
#include "runtime/sched.h"

#define OP_PASS (-700L)

/* Small objects of the program's, which may be anywhere: 0 or -EFAULT. */
#define user_get(object, from) user_copy(&(object), (from), sizeof(object))
#define user_put(to, object)   user_copy((to), &(object), sizeof(object))

#define USER_TOP 0x7fffffffefffUL /* with four levels of page tables; glibc asks no more */

/* Parks like sched_park, but a signal that has a handler to run ends it with -ERESTARTSYS, and
 * cancellation with -EDOOR where the door allows. PARKS. */
int op_park(uint64_t deadline_ns);

/* What ends such a wait before it begins: -ERESTARTSYS, -EDOOR, or 0: nothing. */
int op_interrupted(const struct co *co);

/* fd_wait and futex_wait under the same rules. PARK. */
int op_fd_wait(struct fd_waiter *waiter, bool for_write, uint64_t deadline_ns);
int op_futex_park(uint32_t *word, uint32_t expected, uint32_t bits, uint64_t deadline_ns);

/* offload_call under the same rules, and offload_finite; op_offload_moved: offload_call for what the
 * kick took from the carrier. Each raises SIGXFSZ where the helper's call met the limit. PARK. */
long op_offload_call(long nr, const long argument[6]);
long op_offload_finite_call(long nr, const long argument[6]);
long op_offload_moved(long nr, const long argument[6]);

/* offload_try under the same rules. PARKS. */
long op_offload_try(long nr, const long argument[6]);

/* The first two with their words written out. PARK. */
#define op_offload(nr, ...)        op_offload_call((nr), (const long[6]){ __VA_ARGS__ })
#define op_offload_finite(nr, ...) op_offload_finite_call((nr), (const long[6]){ __VA_ARGS__ })

/* A system call made here, on the carrier: whoever the kick or a signal finds in it is moved to a
 * helper or runs its handlers, and one that lasts is handed off (runtime/handoff.h). With a spare
 * kernel thread at hand for those that wait for a file system. Restarts as its result says; PARKS. */
long op_here(long nr, const long argument[6]);
#define op_direct(nr, ...) op_here((nr), (const long[6]){ __VA_ARGS__ })

/* False: the instruction itself must do it, at its site (here.c). */
bool op_may_run_here(uint64_t nr);

/* An I/O call begins. Who has made CORO_SELFISHNESS of them since the last that waited lets others
 * run first. One that @takes something (reads, accepts, locks) is the place for it: what the thread
 * took before, the only byte of a pipe that serves as a lock say, is not then in its hands for ever
 * when the others look. One that gives is put off for as many calls again. PARKS. */
void op_pace(bool takes);

/* Counts an I/O call for observers alone: one that has no pace to keep. */
static inline void op_count(void)
{
    struct carrier *carrier = this_carrier();
    carrier->io_calls++;
    carrier->current->calls_before++;
}

/* @co has waited: the count begins anew, with the call that did. */
void op_refill_pace(struct co *co);

/* A relative time as a deadline: NULL is never. -EINVAL when it is no valid time,
 * -EFAULT when it can't be read, else 0. */
int op_deadline(const struct __kernel_timespec *relative, uint64_t *deadline_ns);

/* Ends a call: hands over to whatever was noted meanwhile (preemption, signal handlers) and leaves
 * the runtime. True: the call is to be started again, and we are in the runtime still. */
bool op_finish(struct carrier *carrier, struct co *co, long *result);

/* A handler that interrupts a call is to see it at its instruction, with all registers, which a symbol
 * door doesn't know: libc's function makes the call anew, and the gate gives it @result and runs what is
 * due. True: it is to be called, and the runtime was left. */
bool op_hand_over(struct carrier *carrier, struct co *co, long result);

/* Does what the carrier's attention was asked for, in the runtime. PARKS. */
void op_attend(struct carrier *carrier, struct co *co);

/* A door is open when calls are to be answered here: active, and not in a guest (guest.c). Enters
 * the runtime. */
bool op_begin(struct carrier *carrier);

/* signal.c and sigdeliver.c */
struct gate_frame;
int signal_takeover(void); /* dormant -> active: reads the kernel's state; 0 or -errno */
/* Gives the kernel @co's mask, altstack and the actions: for an exec, those that survive it. */
void signal_handback(struct co *co, bool for_exec);
void signal_retake(void); /* after a handback that was in vain (failed exec) */
void signal_set_kernel_mask(sigbits mask);
void signal_rest(void); /* back to the mask under which the program runs */
static inline bool signal_deliverable(const struct co *co)
{
    return (co->signals.pending.set | co->signals.routed.set) & ~co->signals.mask;
}
/* At the end of a call: runs what is due; false: nothing was. *@restart: the first handler's action says
 * that the call may be begun again. A handler may change *@result, or the thread goes on elsewhere and
 * this doesn't return. */
bool signal_run_handlers(struct co *co, long *result, bool *restart);
/* Calls @fn on @co's stack, outside the runtime, from within a call of its. */
void signal_call_out(struct co *co, void (*fn)(void));
void signal_send(struct co *co, int signal, const siginfo_t *info); /* thread-directed */
void signal_raise(int signal); /* for the running thread, as the kernel does in a call that fails */
void signal_forget_co(struct co *co);
/* A new thread has its parent's mask. */
void signal_mask_inherit(struct co *co, const struct co *parent);
/* From now on the default deaths of this process pass here first: a lock was taken that must be marked
 * then (robust.h). */
void signal_watch_deaths(void);
void signal_reset(void);
void signal_set_mask(struct co *co, sigbits mask);
sigbits signal_push_mask(struct co *co, const sigbits *mask);
long signal_pop_mask(struct co *co, const sigbits *mask, sigbits old, long result);

extern struct op_hooks op_hooks;

/* fd.c: descriptors of the control socket's server. */
struct op_fd_hooks {
    bool (*owns)(int fd);
};
extern struct op_fd_hooks op_fd_hooks;

/* hidden.c: @fd is ours, and the program must not know of it. */
bool fd_is_hidden(int fd);

/* sigio.c: fcntl itself, but that a thread may own @fd's signals. */
long sigio_fcntl(int fd, int command, unsigned long argument);

/* thread.c, process.c, futex.c, file.c: shared by several rows. */
bool op_ioctl_waits(unsigned request); /* a terminal's output drains first, or a line changes */
/* fork: a child with a copy of our memory, on a copy of our stack or at @stack_top. */
long op_clone_process(uintptr_t stack_top);
/* futex_pi.c: LOCK_PI and its kin, also where other processes may meet the word. PARK. */
long op_futex_pi(uint32_t *word, int operation, const struct __kernel_timespec *timeout);
long op_futex_pi_shared(uint32_t *word, int operation, const struct __kernel_timespec *timeout);
/* Condition variables over such locks: waiting PARKS and returns with @lock held. */
long op_futex_wait_requeue_pi(uint32_t *word, int operation, uint32_t expected,
                              const struct __kernel_timespec *timeout, uint32_t *lock);
long op_futex_cmp_requeue_pi(uint32_t *word, int wake, int move, uint32_t *lock, uint32_t expected);
/* Hands the locks of the thread @tid, which ends, to those who wait for them. */
void futex_pi_owner_died(uint32_t tid);

/* Is the memory of this futex word known to be this process's alone? */
bool memory_is_private(uintptr_t address);
/* Set at activation; the first thread's stack by its creation. */
void memory_note_first_stack(uintptr_t low, uintptr_t high);
void memory_note_main_stack(uintptr_t low, uintptr_t high);
void memory_note_data(uintptr_t low, uintptr_t high);

/* by_id.c: the process's id for that of any of its threads; any other @id itself. */
int op_process_of(int id);

/* identity.c: the running thread has signalled another for libc's setuid and its kin. */
void identity_broadcast(void);

/* schedule.c: what a thread has from its creator, the first from the kernel, and what the kernel must
 * know before an exec, of the kernel thread that executes, and in a child, of its only one. */
void schedule_take_over(struct co *co);
void schedule_inherit(struct co *co, const struct co *parent);
void schedule_hand_over(const struct co *co);
void schedule_hand_to_child(const struct co *parent);
/* The thread whose CPU time @clock measures; NULL: it is none of ours. */
struct co *op_thread_of_clock(int clock);
/* Sleeps on a thread's CPU clock; -ENOSYS: it is none of ours. PARKS. */
long op_sleep_on_thread(int clock, int flags, const struct __kernel_timespec *time,
                        struct __kernel_timespec *left);

#include "interpose/ops.h"

#endif
