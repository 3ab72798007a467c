/* The threads of one process, all of them, as its library reported them. */
#ifndef COROCTL_THREADS_H
#define COROCTL_THREADS_H

#include "runtime/co_info.h"
#include "tools/coroctl/process.h"

struct threads {
    pid_t pid;
    size_t count, room;
    struct co_info *items; /* in the order of their ids */
    uint32_t *by_tid;      /* places in items, in the order of their tids */
};

/* Asks for all threads. Returns an enum exit_code, having said why unless it is 0. */
int threads_fetch(struct connection *connection, struct threads *threads);

/* Asks for the thread with this id alone. The same; says so if there is none. */
int thread_fetch(struct connection *connection, uint64_t id, struct co_info *thread);

void threads_free(struct threads *threads);

/* The thread with this id, or NULL. */
const struct co_info *threads_by_id(const struct threads *threads, uint64_t id);

/* The thread with this tid, or NULL. */
const struct co_info *threads_by_tid(const struct threads *threads, uint32_t tid);

#endif
