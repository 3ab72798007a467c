/* What coro_wait_for and handlers share: shim/coro/filter.h. */
#ifndef CORO_API_FILTER_INTERNAL_H
#define CORO_API_FILTER_INTERNAL_H

#include "shim/api/wait.h"
#include "shim/coro/filter.h"

/* Something that is waited for; lives as long as its one waiter or handler wants it. */
struct filter_key {
    struct list link; /* by ident and filter; under the lock */
    uintptr_t ident;
    int filter;
    uint32_t fflags;      /* as asked for */
    struct list waiters;  /* CORO_USER, CORO_TIMER: api_wait's; under the lock */
    bool triggered;       /* CORO_USER; under the lock, with the next */
    uint32_t told;        /* ... and with these fflags */
    void *handler;        /* under the lock; NULL: a thread in coro_wait_for */
    bool *closed;         /* set, and filter_closing broadcast, when it is; under the lock */
    int fd;               /* what the filter waits on; -1: none */
    int watched;          /* CORO_VNODE: the descriptor itself */
    uint64_t period_ns;   /* CORO_TIMER */
    uint64_t due_ns;      /* ... the next time, CLOCK_MONOTONIC */
    uint64_t names, size; /* CORO_VNODE: as they were when last looked at */
};

/* Over all keys. */
extern pthread_mutex_t filter_lock;
extern pthread_cond_t filter_closing;

/* One per enum coro_filter. Each returns 0 or an error number. */
struct filter_ops {
    /* Begins to look: what happens from now on is told by a wait. */
    int (*open)(struct filter_key *key);
    /* Waits for it; fills in fflags and data, which are 0. ETIMEDOUT. WAITS. */
    int (*wait)(struct filter_key *key, uint64_t deadline_ns, struct coro_happening *happening);
    void (*close)(struct filter_key *key);
};

/* NULL: there is no such filter. */
const struct filter_ops *filter_ops(int filter);

/* Takes the name for @key, whose ident, filter and fflags are set, and opens it. EBUSY and the like. */
int filter_open(struct filter_key *key);
void filter_close(struct filter_key *key);

/* The key of that name which @which says true of; the lock is held. */
struct filter_key *filter_find(uintptr_t ident, int filter,
                               bool (*which)(const struct filter_key *key));

int filter_wait(struct filter_key *key, uint64_t deadline_ns, struct coro_happening *happening);

extern const struct filter_ops filter_proc, filter_signal, filter_vnode;

#endif
