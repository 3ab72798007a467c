/* What one live thread looks like from outside: the record that the control socket carries and
 * coroctl prints. Fixed size, no pointers; all times in nanoseconds. */
#ifndef CORO_CO_INFO_H
#define CORO_CO_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum co_state {
    CO_FREE = 0, /* slot not in use; never seen outside */
    CO_NEW,
    CO_RUNNABLE,
    CO_RUNNING,
    CO_PARKED,
    CO_DEAD,
};

/* What a parked thread waits on. */
enum wait_kind {
    WAIT_NONE = 0,
    WAIT_READ,    /* descriptor readable: wait_fd */
    WAIT_WRITE,   /* descriptor writable: wait_fd */
    WAIT_POLL,    /* several descriptors: wait_fd is the first, wait_count how many */
    WAIT_FUTEX,   /* wait_addr */
    WAIT_MUTEX,   /* wait_addr, wait_owner_tid when known */
    WAIT_COND,    /* wait_addr of the condition variable */
    WAIT_JOIN,    /* wait_owner_tid: the thread waited for */
    WAIT_SLEEP,   /* until wait_left_ns */
    WAIT_CHILD,   /* wait_pid as wait4 takes it, or wait_fd: a pidfd */
    WAIT_SIGNAL,  /* sigwait, sigsuspend, pause */
    WAIT_OFFLOAD, /* a system call, wait_nr, running on a helper kernel thread */
    WAIT_RWLOCK,  /* wait_addr, wait_owner_tid of a writer that holds it, else wait_count readers */
    WAIT_SEMAPHORE, /* wait_addr */
    WAIT_CHANNEL,   /* these are of coro.h: wait_addr, of the object within the library */
    WAIT_QUEUE,
    WAIT_MAILBOX,
    WAIT_EVENT,
    WAIT_USER, /* coro_trigger: wait_addr is the name that it was given */
    WAIT_KINDS
};

/* Whether such a wait, when it has no deadline, is ended by what a thread of the process does. */
static inline bool wait_is_for_threads(uint32_t kind)
{
    switch (kind) {
    case WAIT_FUTEX:
    case WAIT_MUTEX:
    case WAIT_COND:
    case WAIT_JOIN:
    case WAIT_RWLOCK:
    case WAIT_SEMAPHORE:
    case WAIT_CHANNEL:
    case WAIT_QUEUE:
    case WAIT_MAILBOX:
    case WAIT_EVENT:
    case WAIT_USER:
        return true;
    default:
        return false;
    }
}

#define CO_NAME_BYTES 16
#define CO_PEER_BYTES 64

struct co_info {
    uint64_t id;         /* from 1, in creation order, never re-used */
    uint64_t creator_id; /* 0: unknown */
    uint32_t tid;        /* what gettid() returns in the thread */
    uint32_t state;      /* enum co_state */
    uint32_t wait_kind;  /* enum wait_kind */
    int32_t wait_fd;     /* -1: none */
    uint32_t wait_count;
    uint32_t wait_owner_tid; /* 0: unknown */
    uint32_t wait_nr;        /* system call number; UINT32_MAX: none, or a page fault */
    int32_t wait_pid;
    uint64_t wait_addr;
    uint64_t wait_left_ns; /* time to the deadline; UINT64_MAX: none */
    uint64_t state_ns;     /* how long in this state */
    uint64_t cpu_ns;       /* sampled at every monitor tick */
    uint64_t slices;       /* times it was switched to */
    uint64_t preemptions;
    uint64_t stack_base; /* lowest address */
    uint64_t stack_bytes;
    uint64_t stack_used_bytes;
    char name[CO_NAME_BYTES];
    char peer[CO_PEER_BYTES]; /* of wait_fd, when it is a socket: "127.0.0.1:80"; "" otherwise */
    uint64_t waits;           /* times it parked */
    uint64_t io_calls;        /* reads, writes, accepts, polls and their kin */
    uint32_t selfishness;     /* I/O calls that may complete before others get a turn */
    uint32_t own_selfishness; /* 1: this thread's alone; 0: the process's */
    uint64_t wait_over_ns;    /* since a deadline that has passed: others have held the thread up */
};

/* Copies up to @max live threads with id > @after_id, in the order of their ids, into @out;
 * returns how many. Below the gate; callable on any kernel thread of ours (takes the runtime's list
 * lock for a bounded number of entries); never parks. The program's own threads only. */
size_t co_snapshot(uint64_t after_id, struct co_info *out, size_t max);

#endif
