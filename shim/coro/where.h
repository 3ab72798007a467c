/* What threads are doing. */
#ifndef CORO_API_WHERE_H
#define CORO_API_WHERE_H

#include "base.h"

CORO_BEGIN

/* Writes the functions on the stack of thread @id, innermost first, with a blank between them:
 *
 *     [folder/file function|line]     with debug information in the object itself
 *     [object function+0x1f]          with a symbol alone
 *     [object+0x2724a]                with neither: where in the object
 *     [0x7f2a1c00]                    in no object: code made at run time
 *
 * or "stack unavailable". Debug information in files apart is not looked at, for reading that of libc would
 * take the thread a third of a second; so `coroctl where`, which does, names functions that this can't.
 * At most @bytes with the final 0; returns the length of the whole, as snprintf does.
 * Without coroutines the text says that nothing is known. ESRCH: no such thread, or none that runs. WAITS. */
CORO_API ssize_t coro_where(coro_id id, char *buffer, size_t bytes);

/* The texts last until it returns. It may make any call. */
typedef void (*coro_where_fn)(void *context, coro_id id, const char *name, const char *where);

/* Calls @each for all threads, by id. Returns how many there are; -1 with ENOSYS without coroutines, or
 * ENOMEM. WAITS. */
CORO_API ssize_t coro_where_all(coro_where_fn each, void *context);

CORO_END

#endif
