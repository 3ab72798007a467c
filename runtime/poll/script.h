/* The scripted poll set, for tests. */
#ifndef CORO_SCRIPT_H
#define CORO_SCRIPT_H

#include "runtime/poll/poll.h"

#define SCRIPT_FDS 1024
#define SCRIPT_MAX 1024

struct script_event {
    int fd;
    uint32_t events;
};

struct script {
    bool registered[SCRIPT_FDS];
    uint64_t tags[SCRIPT_FDS];
    struct script_event events[SCRIPT_MAX];
    uint32_t count;
    uint64_t waits;
    uint64_t last_timeout_ns;
    void (*on_idle)(uint64_t timeout_ns); /* a wait that found no event: may post some */
};

struct script *script_state(void);

/* Queues an event for the next wait. */
void script_post(int fd, uint32_t events);

#endif
