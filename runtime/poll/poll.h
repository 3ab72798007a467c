/* The poll contract: what the runtime asks of epoll, kqueue or a script.
 *
 * Readiness is edge-triggered: one registration per descriptor for reading and writing together,
 * an event for every change. A registration carries a tag (descriptor and generation), so that a
 * late event of a closed descriptor is told from one of its successor. All calls are made by the
 * carrier, in the runtime. */
#ifndef CORO_POLL_H
#define CORO_POLL_H

#include "runtime/base.h"

#define POLL_READ   1U /* readable, or a connection to accept, or end of file */
#define POLL_WRITE  2U
#define POLL_HANGUP 4U /* the peer closed, or an error is pending: calls answer at once */
#define POLL_URGENT 8U

struct poll_backend {
    const char *name;
    /* Opens the poll set with its descriptor at or above @fd_floor. Returns 0 or -errno. */
    int (*open)(int fd_floor);
    void (*close)(void);
    /* Registers @fd under @tag. -EPERM: always ready (regular files); -EEXIST: already there. */
    int (*add)(int fd, uint64_t tag);
    /* Needed only while the open file outlives @fd; otherwise close(2) does it. */
    void (*remove)(int fd);
    /* Waits at most @timeout_ns (DEADLINE_NEVER: without end) and calls poll_event for each event.
     * Returns early, with nothing, when the carrier's attention is wanted. Never fails. */
    void (*wait)(uint64_t timeout_ns);
    /* The set's own descriptor, to nest it in another; -1: none. */
    int (*fd)(void);
};

extern const struct poll_backend poll_epoll, poll_kqueue, poll_script;

/* Which one runs; set before runtime_start. */
extern const struct poll_backend *poll_set;

/* Called by the backend for each event; provided by fd.c. */
void poll_event(uint64_t tag, uint32_t events);

/* An event with this tag is about to be delivered: fetches what it will touch; two stages. */
void poll_prefetch_entry(uint64_t tag);
void poll_prefetch_waiter(uint64_t tag);

static inline void poll_wait(uint64_t timeout_ns)
{
    poll_set->wait(timeout_ns);
}

#endif
