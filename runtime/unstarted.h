/* Threads that the program has made and not started (coro_new): they have an id and a name, and nothing else
 * of a coroutine. The runtime knows them for observers' sake alone. */
#ifndef CORO_UNSTARTED_H
#define CORO_UNSTARTED_H

#include "runtime/co_info.h"
#include "runtime/list.h"

/* Its maker's, who keeps it as it is while it is on the list. */
struct unstarted {
    struct list link; /* runtime.unstarted, by id */
    uint64_t id, creator_id;
    uint64_t since_ns;
    char name[CO_NAME_BYTES];
};

/* On the carrier, in the runtime. @thread has id, creator and name; removing it twice is harmless, and
 * so is it in the child of a fork, where nothing is on the list. */
void unstarted_add(struct unstarted *thread);
void unstarted_remove(struct unstarted *thread);
void unstarted_reset(void);

/* The first with an id beyond @after_id, or the head of runtime.unstarted. Under all_lock. */
struct list *unstarted_after(uint64_t after_id);

/* Under all_lock. */
void unstarted_describe(struct unstarted *thread, uint64_t now_ns, struct co_info *out);

#endif
