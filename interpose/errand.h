/* Errands: what a request from outside needs libc for, pthread_cancel and calls of the program's
 * functions. The monitor, which takes the request, cannot make them: it has no TLS, and libc is above
 * the gate. A coroutine made for the purpose can; errand.c.
 *
 * A request gets a ticket; how it goes is asked for by that. */
#ifndef CORO_ERRAND_H
#define CORO_ERRAND_H

#include "runtime/base.h"
#include "runtime/errand_info.h"

enum errand_kind { ERRAND_CANCEL, ERRAND_CALL };

struct errand {
    enum errand_kind kind;
    struct errand_info info;
    uint64_t target; /* ERRAND_CANCEL: the thread */
    struct call_info call;
};

/* The monitor's. Queue an errand: its ticket, from 1, or -ESRCH: no such thread; -EBUSY: too many
 * are on their way; -ENOSYS: not in this process. */
int64_t errand_cancel(uint64_t id);
int64_t errand_call(const struct call_info *call);

/* Can there be any? */
bool errand_possible(void);

/* The monitor's: fills in how it is with @ticket; false: it was given out to nobody, or so long ago
 * that it is forgotten. */
bool errand_look(uint64_t ticket, struct errand_info *info);

/* At activation, above the gate, with one thread. @block: a TLS block of libc's making for the
 * coroutine that runs errands, NULL: there will be none; @tid_offset: where libc keeps a tid in it;
 * @work: what it runs, above the gate and outside of the runtime: errand_work. */
void errand_prepare(void *block, uint32_t tid_offset, void (*work)(void));

/* doors_errand.c, above the gate. */
void errand_work(void);
void errand_enter_call(uint64_t ticket); /* errand_call_begins, from outside of the runtime */
void errand_report(const struct errand_info *info); /* errand_done, likewise */

/* Starts the call in a thread of its own, which reports its end. Returns 0 or an errno. Above the
 * gate; shim/call.c. */
extern int (*errand_start_call)(const struct errand *errand);

/* For whoever does the work; the carrier, in the runtime. */

/* Copies the next errand that is queued, now running, into @errand. False: there is none. */
bool errand_next(struct errand *errand);

/* The FS base of a thread of libc's, 0: there is none with this id. */
uintptr_t errand_thread(uint64_t id);

/* pthread_cancel was called for this thread: ends the wait that it is in, if it is to act. */
void errand_wake_cancelled(uint64_t id);

/* The running thread makes the call of @ticket, from now on; it gets a name and main's mask. */
void errand_call_begins(uint64_t ticket);

/* It is done. */
void errand_done(const struct errand_info *info);

#endif
