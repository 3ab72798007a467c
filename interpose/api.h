/* Operations of the C API alone (shim/api), which no call of libc's or the kernel's has. */
#ifndef CORO_OP_API_H
#define CORO_OP_API_H

#include "runtime/co_info.h"
#include "runtime/base.h"

struct co_wait;

/* Waits on @word while it is 0; observers are told @wait. As op_futex with FUTEX_WAIT_BITSET. PARKS. */
long op_api_park(uint32_t *word, const struct co_wait *wait, uint64_t deadline_ns);

/* The tid of live thread @id, which was made lately; 0: there is no such thread. */
uint32_t op_api_tid(uint64_t id);

/* Wakes the thread that waits on @word, if any; @first: it goes before those that can run. Returns
 * how many. */
long op_api_wake(uint32_t *word, bool first);

/* What co_snapshot tells of thread @id, but for its peer. False: there is no such thread. */
bool op_api_info(uint64_t id, struct co_info *info);

/* The ids of up to @max live threads beyond @after_id, in order; returns how many. */
size_t op_api_ids(uint64_t after_id, uint64_t *ids, size_t max);

/* The selfishness that thread @id was given; 0: none. */
uint32_t op_api_selfishness(uint64_t id);

/* Waits until @fd can be read, or written, which observers see as a wait of @kind (WAIT_NONE: for the
 * descriptor); returns what poll says of it, or -EBADF: it is no descriptor, or was
 * closed meanwhile; -ETIMEDOUT. PARKS. */
long op_api_ready(int fd, bool for_write, uint64_t deadline_ns, enum wait_kind kind);

/* One pass: all others that can run do so once, and events are looked for without waiting. Returns how many can run
 * now, and in *@next_ns the earliest deadline of those that wait, on CLOCK_MONOTONIC. PARKS. */
long op_api_run_once(uint64_t *next_ns);

/* A descriptor that the kernel's poll says can be read when the runtime's own poll set has events or @timer_fd
 * has fired. Returns it or -errno. */
long op_api_loop_fd(int timer_fd);

/* 0 or -ESRCH. @priority: enum coro_priority of shim/coro/sched.h. */
int op_api_set_priority(uint64_t id, unsigned priority);
int op_api_set_selfishness(uint64_t id, uint32_t calls);

/* When the monitor finds that a thread holds the others up, *@bell becomes 1 and one who sleeps on it is
 * woken; NULL: no more. op_api_take_stall says what the last of them was; false: it has been taken. */
void op_api_watch_stalls(uint32_t *bell);
bool op_api_take_stall(uint64_t *id, uint64_t *held_ns);
void op_api_reset(void); /* a process begins: nobody asks */

#endif
