/* What the objects of the C API share by which threads meet (channels, mailboxes, queues, events):
 * being alone with the object, waiting on it, and waking those who wait.
 *
 * A call is a visit: meeting_enter, look, and either meeting_leave or meeting_wait. Between them
 * nothing else runs on the object, and the visitor neither parks nor allocates nor calls the program.
 *
 * Who waits is completed by who wakes it: the other has given or taken the value before. So a wait
 * that was completed has succeeded, whatever comes meanwhile: a deadline, a signal, a cancellation. */
#ifndef CORO_API_MEETING_H
#define CORO_API_MEETING_H

#include <errno.h>

#include "runtime/base.h"
#include "runtime/co_info.h"
#include "runtime/list.h"

struct co;

/* The two sides of an object: those who wait for something to come, and those who have something to
 * bring; OTHERS wait for neither. */
enum side { TAKERS, GIVERS, OTHERS, SIDES };

/* A part of the object. */
struct meeting {
    uint32_t lock; /* without the runtime: 0 free, 1 taken, 2 taken and waited for */
    uint32_t generation;
    uint64_t tickets;
    struct list waiting[SIDES]; /* struct waiter, in the order of their coming */
    uint32_t count[SIDES];
    uint32_t kind;    /* enum wait_kind */
    uint32_t present; /* threads in the midst of a wait, which will touch the meeting again */
};

/* A thread that waits; on its stack. */
struct waiter {
    void *value; /* the object's business */
    int error;   /* as well */

    struct list link;
    uint64_t ticket; /* its place, should it have to come back; 0: new */
    struct co *co;   /* NULL: it waits in the kernel */
    int result;
    uint32_t word; /* MEETING_DONE, or another of those in meeting.c */
    uint8_t side;
};

/* A thread's call; on its stack. */
struct visit {
    struct meeting *meeting;
    struct co *co; /* the caller's; NULL: without the runtime */
    int64_t timeout_ns;
    uint64_t deadline_ns;
    bool deaf;             /* to a cancellation that came and was not to be acted upon */
    struct waiter *waiter; /* to be taken off, should a signal handler unwind the stack */
};

#define WAIT_FOREVER  INT64_C(-1)
#define DONT_WAIT     INT64_C(0)
#define MEETING_AGAIN 1 /* look again */
#define MEETING_DONE  1 /* a waiter's word */

/* coro.h's seconds in nanoseconds, or as above. False: not a number. */
static inline bool meeting_timeout(double seconds, int64_t *timeout_ns)
{
    *timeout_ns = DONT_WAIT;
    if (seconds > 0)
        *timeout_ns = seconds < 1e9 ? (int64_t)(seconds * 1e9) + 1 : WAIT_FOREVER;
    return likely(seconds == seconds);
}

/* When @seconds from now will have passed, and the time until then. */
uint64_t meeting_deadline(double seconds);
double meeting_seconds_until(uint64_t deadline_ns);

/* How all calls of coro.h end: 0, or -1 with errno. */
static inline int meeting_result(int error)
{
    if (likely(!error))
        return 0;
    errno = -error;
    return -1;
}

/* @kind: what its waiters are said to wait on. */
void meeting_init(struct meeting *meeting, enum wait_kind kind);

/* Nobody waits, and nobody will touch the object again: it may be freed. -EBUSY: somebody waits. */
int meeting_end(struct meeting *meeting);

/* Begins a visit which may wait for @timeout_ns (WAIT_FOREVER, DONT_WAIT). 0, or -ENOTSUP in a child
 * of vfork, which must not touch our memory. Does not park. */
int meeting_enter(struct visit *visit, struct meeting *meeting, int64_t timeout_ns);

/* Begins a visit that doesn't wait, in the runtime, which it doesn't leave: it needs no end. */
void meeting_within(struct visit *visit, struct meeting *meeting);

/* Goes on with another meeting, in the same visit. */
void meeting_move(struct visit *visit, struct meeting *meeting);

/* Begins it again after meeting_leave, with the time that is left. Returns as meeting_enter. */
int meeting_return(struct visit *visit);

/* Ends it. Handlers of signals may run; others may. */
void meeting_leave(struct visit *visit);

/* The steps of those below. */
int meeting_begin_wait(struct visit *visit, enum side side, struct waiter *waiter);
int meeting_switch(struct visit *visit, struct co *first);
int meeting_wait_more(struct visit *visit, struct waiter *waiter, int result);
int meeting_wait_in_kernel(struct visit *visit, struct waiter *waiter);
struct co *meeting_complete(struct visit *visit, struct waiter *waiter, int result);

/* Waits on @side until woken. MEETING_AGAIN, seldom: the visit goes on and must look again. Anything else is
 * the call's result, and the visit is over: that of meeting_wake, -ETIMEDOUT (at once when it may not
 * wait), -ENOMEM. A cancellation point unless it may not wait. PARKS. */
static INLINE int meeting_wait(struct visit *visit, enum side side, struct waiter *waiter)
{
    int result = meeting_begin_wait(visit, side, waiter);
    if (unlikely(result))
        return result;
    if (unlikely(!visit->co))
        return meeting_wait_in_kernel(visit, waiter);
    result = meeting_switch(visit, NULL);
    if (unlikely(waiter->word != MEETING_DONE))
        return meeting_wait_more(visit, waiter, result);
    meeting_leave(visit);
    return waiter->result;
}

/* @waiter's ticket, which it gets when it begins to wait at the latest: a number of its own. */
static inline uint64_t meeting_ticket(struct meeting *meeting, struct waiter *waiter)
{
    if (!waiter->ticket)
        waiter->ticket = ++meeting->tickets;
    return waiter->ticket;
}

/* The first of those who wait on @side, or NULL. */
static inline struct waiter *meeting_first(const struct meeting *meeting, enum side side)
{
    return meeting->count[side] ? container_of(meeting->waiting[side].next, struct waiter, link)
                                : NULL;
}

/* How many wait on @side. The caller is not at the meeting. */
uint32_t meeting_count(struct meeting *meeting, enum side side);

/* @waiter goes on waiting, on @side. */
void meeting_shift(struct meeting *meeting, struct waiter *waiter, enum side side);

/* Ends the wait of @waiter with @result. Not to be touched any more. */
void meeting_wake(struct meeting *meeting, struct waiter *waiter, int result);

/* The same for all on @side. Returns how many. */
uint32_t meeting_wake_all(struct meeting *meeting, enum side side, int result);

/* meeting_wake and meeting_leave; @waiter runs at once, and the caller after all who are runnable. */
static INLINE void meeting_hand_over(struct visit *visit, struct waiter *waiter, int result)
{
    struct co *co = meeting_complete(visit, waiter, result);
    if (likely(co))
        meeting_switch(visit, co);
    meeting_leave(visit);
}

/* pthread_cancel was called for @thread, which may be waiting in the kernel. */
void meeting_cancel(uintptr_t thread);

/* In the child of a fork: nobody waits on anything any more. */
void meeting_after_fork(void);

#endif
