/* Operations of the C API alone (shim/api), which no call of libc's or the kernel's has. */
#ifndef CORO_OP_API_H
#define CORO_OP_API_H

#include "runtime/base.h"

/* Wakes the thread that waits on @word, if any; @first: it goes before those that can run. Returns
 * how many. */
long op_api_wake(uint32_t *word, bool first);

#endif
