/* Where the threads of this process are, for the program itself (coro_where). Above the gate: as
 * dlopen and malloc are, not for signal handlers. libunwind and libdw are loaded on demand. */
#ifndef CORO_WHERE_H
#define CORO_WHERE_H

#include <stddef.h>
#include <stdint.h>

/* Writes the functions on the stack of live thread @id, innermost first, each as
 *
 *   [folder/file function|line]     where the object has debug information and libdw is there
 *   [object function+0x1f]          with a symbol alone
 *   [object+0x2724a]                with neither
 *
 * with a blank between them, or "stack unavailable" (no libunwind, or the thread keeps running). Like
 * snprintf: at most @bytes with the final NUL, and returns the length of the whole. 0 and "" when
 * there is no such thread. Leaves errno alone. May park. libdw wants some 64 KiB of stack. */
size_t where_thread(uint64_t id, char *buffer, size_t bytes);

/* The same of the function at @address alone. */
void where_function(uintptr_t address, char *buffer, size_t bytes);

/* Calls @each for every live thread, in the order of their ids. @name may be empty; the texts last
 * until it returns, and it may make any call. Returns how many there were, or -errno. May park. */
typedef void where_visitor(void *context, uint64_t id, const char *name, const char *where);
long where_all(where_visitor *each, void *context);

#endif
