/* Cancellation, as far as operations take part in it.
 *
 * The request itself is glibc's: bits in struct pthread.cancelhandling, acted upon by its own
 * functions, which unwind. A thread that waits in a symbol door of class CANCEL leaves it with
 * -EDOOR when it is to act, and the door calls libc's function, which does. In the gate, libc's
 * function is under way already, and its SIGCANCEL does it. */
#ifndef CORO_CANCEL_H
#define CORO_CANCEL_H

#include "runtime/co.h"

/* Where cancelhandling is, from pthread_self(); 0: not found, every request counts as due. */
extern uint32_t cancel_word_offset;

/* cancelhandling's bits (nptl/descr.h, the same since glibc 2.3.4). */
#define CANCEL_DISABLED     0x01
#define CANCEL_ASYNCHRONOUS 0x02
#define CANCEL_REQUESTED    0x08
#define CANCEL_EXITING      0x10

bool cancel_is_due(const struct co *co);
bool limit_ends_call(const struct co *co); /* interpose/limit.h */

/* Must @co leave the call that it is in, since it is to act on a request? Any operation asks before
 * it parks. */
static inline bool cancel_ends_call(const struct co *co)
{
    return unlikely(co->cancelled) && co->door == DOOR_CANCEL &&
           (cancel_is_due(co) || limit_ends_call(co));
}

/* A request was made of @co: ends the wait that it is in, if it is to act. */
void cancel_wake(struct co *co);

#endif
