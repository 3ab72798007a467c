/* A coroutine: one POSIX thread of the program. */
#ifndef CORO_CO_H
#define CORO_CO_H

#include "runtime/base.h"
#include "runtime/co_info.h"
#include "runtime/fd.h"
#include "runtime/list.h"
#include "runtime/signal.h"
#include "runtime/timer.h"

struct carrier;
struct gate_frame;
struct limit;
struct offload_job;

#define AFFINITY_BYTES 128 /* 1024 processors */

/* Results of a park beside 0 and -errno. Like the kernel's own, never seen by the program. */
#define ERESTARTSYS    512 /* a handler must run first; restart if it has SA_RESTART */
#define ERESTARTNOINTR 513 /* a handler must run first; restart in any case */
#define ERESTARTNOHAND 514 /* a handler must run first; then EINTR */
#define EDOOR          600 /* cancellation: leave by libc's own function (doors.c) */

/* Which vector registers the interrupted code keeps alive across the call it is in. */
enum co_simd { SIMD_NONE, SIMD_XMM, SIMD_FULL };

/* How the coroutine came into the runtime. */
enum co_door {
    DOOR_NONE,
    DOOR_GATE,
    DOOR_SYMBOL,
    DOOR_CANCEL, /* symbol, cancellation point */
    DOOR_HANDED, /* none: on the way from a symbol to the gate, where `handed` is the call's result */
};

/* What the coroutine waits on, for co_snapshot; written before each park. */
struct co_wait {
    uint32_t kind; /* enum wait_kind */
    int32_t fd;
    uint32_t count;
    uint32_t tid;
    int32_t pid;
    uint32_t nr;
    uintptr_t addr;
};

/* How it is to be scheduled, as the program asked; its carrier's when it began. */
struct co_policy {
    uint8_t policy; /* SCHED_OTHER and its like; with rt_priority */
    int8_t nice;
    bool reset_on_fork;
    uint16_t io;          /* ioprio_set's */
    uint64_t deadline[3]; /* under SCHED_DEADLINE: runtime, deadline, period; in nanoseconds */
};

/* The low halves of a program counter and a stack pointer. */
struct co_place {
    uint32_t pc, sp;
};

/* With thousands of threads a turn finds none of this in the cache: what every wait for a descriptor
 * touches comes first, in three lines. */
struct co {
    /* Scheduling; the carrier's. */
    void *sp;           /* stack pointer while not running */
    uint64_t fs_base;   /* glibc's TLS block; 0: keep the carrier's */
    struct list link;   /* run queue */
    uint8_t state;      /* enum co_state */
    uint8_t simd;       /* enum co_simd of the present call */
    uint8_t door;       /* enum co_door of the present call */
    bool interruptible; /* a signal may end the present park */
    bool cancelled;     /* by pthread_cancel, or a limit is over: cancellation points look closer */
    uint8_t favoured;   /* FAVOUR_*, sched.h: where it goes when woken; 0: the process's */
    uint8_t rt_priority;      /* under SCHED_FIFO and SCHED_RR; 0: ordinary */
    struct gate_frame *frame; /* the registers at the site, in a call by the gate */
    struct {
        uintptr_t pc, sp;
    } caller; /* where a symbol door returns to, in a call by one that runs handlers */

    struct fd_waiter
        waiter; /* of a call on one descriptor: here, and not on a stack that a poll would touch */
    struct co_wait wait; /* for observers */

    int wake_result;
    uint32_t slices;       /* times it was switched to */
    uint32_t waits;        /* times it parked */
    uint32_t calls;        /* of I/O, since and with the last that waited */
    uint32_t calls_before; /* those before; and calls that never wait */
    uint32_t selfishness;  /* its own; 0: the runtime's */
    uint64_t since_ns;     /* coarse time of the last change of state */
    struct co_signals signals;

    bool moved;                /* the present call has moved bytes; kept for CORO_FAULT alone */
    bool is_main;              /* runs on the process's first stack */
    uint8_t wakes;             /* of others at a futex, since it last waited at one */
    uint8_t losses;            /* times in a row that it was woken at a futex in vain */
    uint8_t slice_shift;       /* its slice is halved so many times: it spins; monitor.c */
    bool timed;                /* its next turn begins with runtime.timed_turn_begins */
    bool traced_wait;          /* it has waited in... */
    uint16_t traced_call;      /* ...the call that a trace shows it in: trace.c; 0: none */
    int32_t traced_word;       /* its first argument */
    struct co_place places[2]; /* where the last preemptions met it, the latest first */
    uintptr_t hint_addr; /* the symbol door knows the object: mutex, condition variable, joinee */
    uint32_t hint_kind;  /* enum wait_kind; WAIT_NONE: no hint */
    uint32_t *pi_word;   /* the priority-inheritance futex that it waits for */
    uint32_t *woken_at;  /* the futex at which it was last woken... */
    uint32_t woken_turn; /* ...and its `slices` then */
    struct timer timer;
    long handed;         /* under DOOR_HANDED */
    uint64_t wait_until; /* CORO_TIMEOUT_*: when the call that is restarted has to end; 0: none */
    struct offload_job *job; /* the call that a helper runs for it */
    struct limit *limits;    /* coro_with_timeout and its kin, innermost first: interpose/limit.h */
    void *side_stack;        /* where it is preempted when its stack is no place; else NULL */

    /* Identity. */
    uint32_t tid;
    uint64_t id, creator_id;
    uint64_t child_id; /* the next thread that it makes has this id; 0: a new one */
    struct list all;   /* runtime.all, by id */
    char name[CO_NAME_BYTES];

    /* What the kernel keeps per thread, beside signals. */
    int *clear_child_tid;
    struct co_policy policy;
    uint64_t slack_ns, default_slack_ns; /* prctl.c */
    uint8_t death_signal;
    uint64_t *affinity; /* AFFINITY_BYTES, as the program set it; NULL: its carrier's */
    void *robust_head;
    size_t robust_bytes;

    /* For observers. */
    uint64_t cpu_ns; /* sampled by the monitor, or counted: cputime.c */
    uint64_t preemptions;
    uintptr_t stack_base;
    size_t stack_bytes;
} __attribute__((aligned(CACHE_BYTES)));

_Static_assert(offsetof(struct co, waiter) == CACHE_BYTES, "the first line is full");
_Static_assert(offsetof(struct co, wait) + sizeof(struct co_wait) == 2 * CACHE_BYTES,
               "a wait is one line");
_Static_assert(offsetof(struct co, signals.pending) < 3 * CACHE_BYTES,
               "whether a signal is due is seen in the third");

#endif
