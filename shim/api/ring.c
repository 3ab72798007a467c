/* See ring.h. */
#include "shim/api/ring.h"

#include <stdlib.h>

#include "shim/api/meeting.h"

int store_grow(struct visit *visit, void *store, size_t count, size_t limit, size_t bytes,
               void *(*move)(void *store, void *memory, size_t capacity))
{
    size_t larger = ring_larger(count);
    if (limit && larger > limit)
        larger = limit;
    meeting_leave(visit);
    void *memory = reallocarray(NULL, larger, bytes);
    if (!memory)
        return -ENOMEM;
    int error = meeting_return(visit);
    if (error) {
        free(memory);
        return error;
    }
    void *unused = move(store, memory, larger);
    if (!unused)
        return 0;
    meeting_leave(visit);
    free(unused);
    return meeting_return(visit);
}
