/* One descriptor's readiness, for the API. Plain types, as in park.h. */
#ifndef CORO_API_READY_H
#define CORO_API_READY_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/co_info.h"

/* Waits until @fd can be read, or written, as observers see it on the descriptor or (@kind is not WAIT_NONE) on
 * what that stands for, and stores poll's answer in *@events. Returns 0, ETIMEDOUT, EBADF (it
 * is no descriptor, or was closed meanwhile; the latter is known with coroutines only). When the thread is
 * cancelled or a coro_with_timeout around it ends, this does not return. Never EINTR. WAITS. */
int api_ready(int fd, bool for_write, uint64_t deadline_ns, enum wait_kind kind, short *events);

#endif
