/* What the doors ask the API about time limits; set when there is the first one. */
#ifndef CORO_DOORS_LIMIT_H
#define CORO_DOORS_LIMIT_H

#include "runtime/base.h"

struct door_limits {
    /* Acts on the limit that is due, or returns ETIMEDOUT (@parked: the call is to fail so), or 0. */
    int (*leave)(bool parked);
    /* Unwinds on, if it is to a limit that the thread is being unwound. */
    void (*unwind_next)(void *buffer);
};

extern struct door_limits door_limits;

#endif
