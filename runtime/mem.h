/* Memory below the gate: the four functions that compilers call on their own, strings, pages from
 * the kernel, and pools of equal objects. No libc malloc: its locks may be held by whoever is
 * in the gate. */
#ifndef CORO_MEM_H
#define CORO_MEM_H

#include "runtime/base.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);

/* Copies at most @size - 1 bytes and terminates. Returns the length written. */
size_t text_copy(char *to, const char *from, size_t size);
bool text_equal(const char *a, const char *b);

/* Zeroed pages, read-write, not counted against overcommit until touched. NULL: no memory. */
void *pages_map(size_t bytes);
void pages_unmap(void *start, size_t bytes);

/* Objects of one size, carved from 64 KiB blocks that are never returned: memory of a freed object
 * stays readable, so that the monitor may look at a stale pointer. The owner's lock guards it. */
struct pool {
    size_t object_bytes;
    void *free; /* singly linked through the first word */
};

#define POOL_BLOCK_BYTES (64 * 1024UL)

void pool_init(struct pool *pool, size_t object_bytes);
/* Zeroed object, aligned to 16 bytes, or NULL. */
void *pool_get(struct pool *pool);
void pool_put(struct pool *pool, void *object);

#endif
