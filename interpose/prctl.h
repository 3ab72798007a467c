/* What prctl keeps per thread. On the carrier, in the runtime. */
#ifndef CORO_INTERPOSE_PRCTL_H
#define CORO_INTERPOSE_PRCTL_H

#include "runtime/runtime.h"

/* The first thread's from the kernel; a new one's; and what is left when one ends. */
void prctl_take_over(struct co *co);
void prctl_inherit(struct co *co, const struct co *parent);
void prctl_thread_ends(struct co *co);

/* What the kernel had before. */
struct prctl_lent {
    uint64_t slack_ns;
    int death_signal;
};

/* Tells the kernel what @co has while it makes a process or executes a program. The child of a fork, to which the
 * kernel leaves no death signal, does not take back. */
struct prctl_lent prctl_lend(const struct co *co, bool for_exec);
void prctl_take_back(struct prctl_lent lent);

#endif
