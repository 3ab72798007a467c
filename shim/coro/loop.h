/* coroshim's loop as a part of another one.
 *
 * A main loop that waits in poll, select or epoll_wait needs none of this: while it waits, the other threads run. These
 * are for one that waits where coroshim can't see it, or that wants to say when others run. */
#ifndef CORO_API_LOOP_H
#define CORO_API_LOOP_H

#include "base.h"

CORO_BEGIN

/* One pass: every other thread that can run does so, until it waits or its turn is over, and events are looked
 * for without waiting. Returns how many can run now; when it is 0, *@seconds (NULL: not wanted) is the time until
 * one has to, CORO_FOREVER if none. -1: ENOSYS (no coroutines run). */
CORO_API int coro_run_once(double *seconds);

/* A descriptor that can be read when coro_run_once has something to do. It is the same at every call, stays open,
 * is not inherited over exec, and not valid in the child of a fork, which asks for its own. Times are kept as of
 * the last coro_run_once. -1: ENOSYS (no coroutines run), EMFILE, ENFILE. */
CORO_API int coro_loop_fd(void);

CORO_END

#endif
