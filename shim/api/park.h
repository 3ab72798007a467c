/* Between the API and the operations: a thread sleeps on a futex word, whatever the mode. Plain types,
 * since what includes this may include libc's headers. */
#ifndef CORO_API_PARK_H
#define CORO_API_PARK_H

#include "runtime/co_info.h"
#include "runtime/base.h"

/* What a thread sleeps for, as observers see it. All zero: a futex. */
struct api_reason {
    uint32_t kind;   /* enum wait_kind */
    uint32_t tid;    /* WAIT_JOIN: of the thread that is to end; 0: unknown */
    uintptr_t about; /* the object */
};

/* Sleeps while *@word is 0, until api_unpark or @deadline_ns. Returns 0 (perhaps for nothing: look
 * again), ETIMEDOUT, or ECANCELED: the thread is to leave its call, see api_leave. Without coroutines a
 * cancellation is acted upon in here. WAITS. */
int api_park(uint32_t *word, const struct api_reason *reason, uint64_t deadline_ns);

/* Wakes the thread that sleeps on @word, if any; @first: it runs before the others that can. */
void api_unpark(uint32_t *word, bool first);

/* Puts @limit on the running coroutine's stack of limits; takes it and those within it off. False:
 * without coroutines. */
struct limit;
bool api_limit_enter(struct limit *limit);
bool api_limit_exit(struct limit *limit);

/* After ECANCELED: unwinds when the thread is cancelled or the time of a coro_with_timeout is over, or
 * returns ETIMEDOUT when that of a coro_with_deadline is, or 0: nothing is due. */
int api_leave(void);

/* True when api_leave has something to do about a limit. */
bool api_limit_due(void);

/* When a sleep until @deadline_ns is to end, natively, to look at the limits; their alarm restarts
 * calls. */
uint64_t api_limit_bound(uint64_t deadline_ns);

/* True when the process's threads are coroutines; true when it has had no thread yet. */
bool api_is_running(void);
bool api_is_dormant(void);

/* The runtime's threads. Without coroutines: 0, or false. */
uint64_t api_own_id(void);
uint64_t api_new_id(void);          /* for a thread to come */
void api_number_child(uint64_t id); /* the next thread that the calling one makes has it */
/* Observers see it from here to there; twice, and without coroutines, is harmless. */
struct unstarted;
bool api_show_unstarted(struct unstarted *thread);
bool api_hide_unstarted(struct unstarted *thread);
uint32_t api_young_tid(uint64_t id); /* its tid; quick for a thread that was made lately */
bool api_runtime_info(uint64_t id, struct co_info *info);
size_t api_runtime_ids(uint64_t after_id, uint64_t *ids, size_t max); /* ascending */
/* 0 or -ESRCH. @priority: enum coro_priority. */
int api_set_priority(uint64_t id, unsigned priority);
int api_set_selfishness(uint64_t id, uint32_t calls);
/* When a thread holds the others up, *@bell becomes 1 and is woken; NULL: no more. */
void api_watch_stalls(uint32_t *bell);
/* What rang it. False: nothing new. */
bool api_take_stall(uint64_t *id, uint64_t *held_ns);
uint32_t api_selfishness(uint64_t id); /* of its own; 0: none */

/* The loop: op_api_run_once and op_api_loop_fd (interpose/api.h). Without coroutines 0, and -ENOSYS. */
long api_run_once(uint64_t *next_ns);
int api_loop_fd(int timer_fd);

#endif
