/* libgcc_s, on demand. */
#ifndef CORO_API_UNWIND_H
#define CORO_API_UNWIND_H

#include <unwind.h>

/* A function of libgcc_s's, or NULL: the library can't be loaded. */
void *api_libgcc(const char *name);

#endif
