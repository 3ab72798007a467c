/* When a request for cancellation is to be acted upon. */
#include "interpose/cancel.h"

#include "runtime/offload.h"
#include "runtime/sched.h"

uint32_t cancel_word_offset;

/* libc's pthread_cancel has set the bits; a thread of ours reads them in its own struct pthread, to
 * which FS base points. One that has disabled cancellation goes on waiting: to leave the call and to
 * begin it again would start its time over. */
bool cancel_is_due(const struct co *co)
{
    if (!cancel_word_offset || !co->fs_base)
        return !co->limits; /* rather late than for a reason that it isn't */
    uint32_t word =
        __atomic_load_n((const uint32_t *)(co->fs_base + cancel_word_offset), __ATOMIC_SEQ_CST);
    return (word & (CANCEL_DISABLED | CANCEL_REQUESTED | CANCEL_EXITING)) == CANCEL_REQUESTED;
}

void cancel_wake(struct co *co)
{
    if (!cancel_ends_call(co))
        return;
    if (co->job)
        offload_interrupt(co->job);
    else if (co->interruptible)
        sched_wake(co, -EDOOR);
}
