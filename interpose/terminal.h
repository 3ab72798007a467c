/* Job control: see terminal.c. */
#ifndef CORO_TERMINAL_H
#define CORO_TERMINAL_H

#include "runtime/base.h"

/* Before a call on terminal @fd. In the background the process may be stopped here, as by the call.
 * Returns 0: go on; -EIO; -ERESTARTSYS: a handler must run first. Doesn't park. */
long terminal_turn(int fd, bool for_write);

#endif
