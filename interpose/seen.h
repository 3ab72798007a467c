/* Which calls came by the gate: told to tests/lint/seen.c in the build that make rows uses, to nobody
 * in any other. */
#ifndef CORO_SEEN_H
#define CORO_SEEN_H

#include "runtime/base.h"

#ifdef CORO_SEEN
void seen_by_gate(uint64_t nr);
#else
static inline void seen_by_gate(uint64_t nr)
{
    (void)nr;
}
#endif

#endif
