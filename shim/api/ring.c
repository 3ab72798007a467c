/* See ring.h. */
#include "shim/api/ring.h"

#include <stdlib.h>

#include "shim/api/meeting.h"

int ring_grow(struct ring *ring, struct visit *visit, size_t limit)
{
    size_t larger = ring_larger(ring->count);
    if (limit && larger > limit)
        larger = limit;
    meeting_leave(visit);
    void *memory = reallocarray(NULL, larger, ring->bytes);
    if (!memory)
        return -ENOMEM;
    int error = meeting_return(visit);
    if (error) {
        free(memory);
        return error;
    }
    void *old = ring->capacity < larger ? ring_move(ring, memory, larger) : memory;
    if (!old)
        return 0;
    meeting_leave(visit);
    free(old);
    return meeting_return(visit);
}
