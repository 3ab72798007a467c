/* The runtime: everything that the carriers of one process share. One object, `runtime`; no other
 * mutable file-scope state.
 *
 * Locks, by rank: `all_lock` (1) guards the list of all coroutines, so that the monitor can walk it;
 * `inbox_lock` (2) guards completions posted by other kernel threads. Everything else belongs to
 * the one carrier and is guarded by `in_runtime`. */
#ifndef CORO_RUNTIME_H
#define CORO_RUNTIME_H

#include "runtime/arch/x86_64/context.h"
#include "runtime/carrier.h"
#include "runtime/clock.h"
#include "runtime/co.h"
#include "runtime/job.h"
#include "runtime/mem.h"
#include "runtime/spin.h"

enum runtime_mode {
    MODE_DORMANT = 0, /* one thread so far: every call goes to the kernel */
    MODE_ACTIVE,      /* threads are coroutines */
    MODE_NATIVE,      /* stepped aside for good */
};

/* Who is charged the carrier's CPU time; see cputime.c. */
struct cpu_time {
    bool counting;       /* somebody has asked for a thread's clock */
    struct co *runs;     /* since turn_ns; NULL: the loop */
    uint64_t turn_ns;    /* monotonic */
    uint64_t settled_ns; /* the carrier's clock when it was last read */
    uint64_t charged_ns; /* since then */
};

#define TIDS_MAX    (1U << 22)
#define TIDS_WINDOW (1U << 16) /* numbers come again after so many, at first */
#define TID_LOWEST  (1U << 22) /* pid_max's ceiling: the kernel never hands these out */
#define TID_END     (1U << 28) /* the clock id of a thread has no room for more */

#define GUESTS_STAY 1U /* for good, so they may wait and wake in the kernel at any time */
#define GUESTS_LOCK 2U /* one whose parent waits has met a lock that was taken */

struct runtime {
    volatile uint32_t mode;   /* enum runtime_mode */
    bool locks_fast;          /* the mutex doors may answer: one kernel thread runs the program */
    uint32_t vforks;          /* guests (guest.c) whose parents wait for them to exec or exit */
    volatile uint32_t guests; /* GUESTS_*: what guests do beside us */
    struct cpu cpu;
    struct clock clock;
    struct carrier carrier;
    struct kthread first; /* the kernel thread that the process began with */
    struct cpu_time cpu_time;

    struct pool co_pool, affinity_pool;
    uint32_t tid_base, tid_next;
    uint32_t tid_window; /* tids in use come from the first so many; doubled while half are alive */
    struct co **by_tid;  /* TIDS_MAX entries, reserved address space */
    uint64_t next_id;
    uint32_t pi_waiters; /* coroutines whose pi_word is set */
    uint32_t live;       /* coroutines that have not exited, main included */

    struct spinlock all_lock;
    struct list all;
    struct list unstarted;    /* unstarted.h */
    struct co *snapshot_hint; /* the last one that a listing returned, while alive */

    struct spinlock inbox_lock;
    struct remote *inbox, **inbox_last;
    int maps_fd; /* /proc/self/maps, once it was wanted; -1 before */
    int wake_fd; /* eventfd in the poll set: ends an idle poll */

    volatile bool kick_pending;  /* the monitor has sent one that no handler has met yet */
    volatile uint64_t coarse_ns; /* CLOCK_MONOTONIC, no older than a monitor tick while busy */
    uint32_t selfishness;
    uint32_t favoured; /* FAVOUR_*: whom a wake puts before the runnable ones */
    int pid;
    bool can_hand_off;    /* the kernel and the configuration allow it */
    bool barriers_ours;   /* we have registered for membarrier(2), and the program has not */
    bool watches_deaths;  /* signal_watch_deaths was called */
    bool objects_changed; /* code was mapped: gate_refresh at the next good moment */
    int exit_code;        /* main's, when main has left by exit(2) */
    struct co *main;      /* NULL once main has left by pthread_exit */

    /* Called on the way out of the runtime when there are signals; set by interpose. */
    void (*signals_noted)(void);
    /* Whether the program handles a signal that may come from outside. Any kernel thread of ours. */
    bool (*has_handlers)(void);
    /* Called on the monitor when a thread has held the others up; NULL: nobody asks. */
    void (*volatile stalled)(uint64_t id, uint64_t held_ns);
    /* Called at the beginning of a turn of a coroutine that is `timed`, while its CPU time is counted; set by interpose. */
    void (*timed_turn_begins)(struct co *co);
    /* Called by a kernel thread that has just become the carrier's; set by interpose. */
    void (*carrier_moved)(void);
};

extern struct runtime runtime;

/* Makes the calling kernel thread the carrier and its present context the first coroutine, whose
 * tid is the kernel's. Dormant -> active. Returns 0 or -errno (then nothing has changed). */
int runtime_start(int kernel_tid);

/* After a fork, in the child: one coroutine, the caller, is left; back to dormant. GS base is 0. */
void runtime_reset(void);

/* Hands @remote to the carrier. Any kernel thread of ours, any time; wakes an idle carrier. */
void runtime_post(struct remote *remote);

/* Sets bits of the carrier's `attention` and wakes it when it is idle. Any kernel thread of ours. */
void runtime_call_attention(uint32_t what);

/* Runs what was posted. The carrier, in the runtime. */
void runtime_drain_inbox(void);

static inline void runtime_enter(struct carrier *carrier)
{
    carrier->kthread.in_runtime = 1;
    barrier();
}

static inline void runtime_leave(struct carrier *carrier)
{
    barrier();
    carrier->kthread.in_runtime = 0;
    barrier();
}

/* Creates a coroutine in state CO_NEW, on the list, with a tid of its own; NULL: no memory or
 * tids. The caller fills in sp, fs_base and the rest, then calls sched_start. */
struct co *co_create(void);

/* Gives @co, just created, an id that runtime.next_id had passed, and its place in the list. */
void co_renumber(struct co *co, uint64_t id);

/* Takes @co off the lists and frees it. It isn't running, and in no queue. */
void co_free(struct co *co);

/* The live coroutine with virtual tid @tid, or NULL. */
struct co *co_by_tid(uint32_t tid);

#endif
