/* Hand-off: a carrier whose kernel thread is stuck in a system call goes on with another kernel
 * thread, and the stuck one becomes a helper that executes the call to its end.
 *
 * Only calls made by handoff_call can be taken away; the monitor decides. */
#ifndef CORO_HANDOFF_H
#define CORO_HANDOFF_H

#include "runtime/carrier.h"

#define CALL_NONE    0
#define CALL_LEAVING 1 /* over; whether the carrier is still this thread's is being looked at */
#define CALL_FIRST   2 /* serial numbers from here */

enum verdict { VERDICT_NONE, VERDICT_PENDING, VERDICT_TAKEN };

/* Executes system call @nr here, on the carrier. A signal or the kick ends it: -ERESTARTNOINTR when
 * it had no effect and would be restarted, -ERESTARTNOHAND when the kernel never restarts it. Once
 * handed off: its result, or as offload_call. PARKS when it is handed off. */
long handoff_call(long nr, const long argument[6]);

/* Whether the kernel has what it takes. Called while the process has one kernel thread. */
bool handoff_prepare(void);

/* The monitor: the carrier has been in the call numbered @call for long. Takes it from its kernel
 * thread. False: there is no spare one, or the call has ended. */
bool handoff_begin(struct carrier *carrier, uint64_t call);

/* A helper: runs the carrier from now on. Returns, on the same stack, after a hand-off has taken it
 * away again; `own->job` is then the call that was executed last. */
void handoff_adopt(struct kthread *own);

#endif
