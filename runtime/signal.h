/* Per-thread signal state, as the kernel keeps it for real threads. The delivery is in
 * interpose/signal.c; these types are here because every coroutine and the runtime hold one. */
#ifndef CORO_SIGNAL_H
#define CORO_SIGNAL_H

#if __STDC_HOSTED__
#include <signal.h> /* the same types; the kernel's header contradicts libc's */
#else
#include <asm/siginfo.h>
#include <asm/signal.h>
#endif

#include "runtime/base.h"

#define SIGNALS 64

typedef uint64_t sigbits; /* signal s is bit s - 1, as in the kernel's sigset_t */

static inline sigbits sigbit(int signal)
{
    return UINT64_C(1) << (signal - 1);
}

/* SIGKILL and SIGSTOP can be neither blocked nor handled. */
#define SIGBITS_UNBLOCKABLE (UINT64_C(1) << (9 - 1) | UINT64_C(1) << (19 - 1))

struct sig_queued {
    struct sig_queued *next;
    siginfo_t info;
};

/* Pending signals: one bit each, and in order of arrival what was sent with them. */
struct sig_pending {
    sigbits set;
    struct sig_queued *first, **last;
};

struct co_signals {
    sigbits mask;
    struct sig_pending pending; /* its own */
    struct sig_pending routed;  /* process-directed, and it was chosen */
    sigbits saved_mask;         /* restored once the handlers of a sigsuspend-like call have run */
    bool restore_mask;
    sigbits kept;    /* out of the process, as far as this thread goes: see interpose/sigmask.c */
    sigbits waiting; /* what sigwait and its kin accept; 0: not waiting */
    stack_t altstack;
};

#endif
