/* A system call, or a function, that another kernel thread than the carrier's executes for a coroutine. */
#ifndef CORO_JOB_H
#define CORO_JOB_H

#include "runtime/base.h"

struct co;

/* A completion from another kernel thread: see runtime_post. */
struct remote {
    struct remote *next;
    void (*run)(struct remote *remote); /* on the carrier, in the runtime */
};

struct offload_job {
    struct remote remote;
    struct offload_job *next;
    struct co *co;
    long nr;
    long (*fn)(struct offload_job *job); /* in the place of a call: offload_run; else NULL */
    long argument[6];
    long result;
    volatile uint32_t interrupted; /* asks the helper to give up: sys_interruptible's flag */
    volatile int helper_tid;       /* 0: not picked up, or done */
    bool finite;
    bool only_elsewhere; /* without a helper it is not done */
    bool done;
};

#endif
