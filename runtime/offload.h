/* Calls that block without readiness, run on helper kernel threads: a system call is only a number
 * and six words. Helpers start on demand, wait a while for more, and end.
 *
 * Two kinds of calls. A finite one ends by itself (fsync): CORO_OFFLOAD of them run at a time, and
 * the others queue. An endless one may wait for another thread or process (flock, a FIFO's other
 * end): each has a helper of its own at once, beyond that bound, since the call that ends it may be
 * any other. So neither kind ever waits for the other. */
#ifndef CORO_OFFLOAD_H
#define CORO_OFFLOAD_H

#include "runtime/job.h"
#include "runtime/runtime.h"

/* Runs system call @nr, an endless one, on a helper and returns its result; -ERESTARTSYS or
 * -ERESTARTNOHAND, as the kernel itself would have it for this call, when a signal came first and
 * the call had no effect; -EDOOR when cancellation did. Without helpers (no memory, no threads) it
 * runs here, blocking the carrier for a slice at a time. PARKS. */
long offload_call(long nr, const long argument[6]);

/* The same, but the helper is made to give up at @deadline_ns: then -ETIMEDOUT. PARKS. */
long offload_call_until(long nr, const long argument[6], uint64_t deadline_ns);

/* offload_call, but without a helper it does nothing and returns -EBUSY. PARKS. */
long offload_try(long nr, const long argument[6]);

/* The same for a finite call. PARKS. */
long offload_finite(long nr, const long argument[6]);

/* Has a helper call @fn, with @argument for job->argument[0], and returns its result; -EAGAIN when there
 * is none. Asked to give up, it finds job->interrupted set and is kicked. PARKS. */
long offload_run(long (*fn)(struct offload_job *job), long argument);

/* A signal handler must run in @co, which is in offload_call: makes the helper give up. */
void offload_interrupt(struct offload_job *job);

/* How many finite calls run at a time; 16 until set. */
void offload_set_bound(uint32_t helpers);

/* The carrier has changed what its kernel thread is allowed or shown (credentials, namespaces):
 * helpers from before take no more jobs; new ones inherit it. */
void offload_renew(void);

/* Has an idle helper ready, for whom no job is known yet: spare for a hand-off. The carrier. */
void offload_want_spare(void);

/* Takes an idle helper for a hand-off; NULL: none. Then either sends it to adopt the carrier
 * (handoff_adopt), or gives it back. Any kernel thread of ours. */
struct kthread *offload_take_spare(void);
void offload_send_spare(struct kthread *spare);
void offload_return_spare(struct kthread *spare);

/* The calling kernel thread becomes a helper, on its own stack; `job` is the call that it has done. */
void offload_join(struct kthread *own) __attribute__((noreturn));

/* Forgets helpers and jobs (child of a fork). */
void offload_reset(void);

/* Helper kernel threads alive. */
uint32_t offload_helpers(void);

#endif
