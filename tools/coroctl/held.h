/* Locks that threads hold, as a process with CORO_LOCK_SITES=on remembers them. */
#ifndef COROCTL_HELD_H
#define COROCTL_HELD_H

#include "tools/coroctl/process.h"

struct held {
    size_t count, room;
    struct held_lock *items; /* by tid */
};

/* Asks for all of them; none where they aren't remembered, or of memory. Returns an enum exit_code, having
 * said why unless it is 0. */
int held_fetch(struct connection *connection, struct held *held);
void held_free(struct held *held);

/* The first that thread @tid holds, and in *@count how many follow each other there. */
const struct held_lock *held_by(const struct held *held, uint32_t tid, size_t *count);

#endif
