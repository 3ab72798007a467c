/* The stack arena: memory for thread stacks, so that a million of them need a few mappings and
 * thread churn needs no system call. glibc's mmap, mprotect, munmap and madvise on stacks are
 * answered from here (interpose/memory.c).
 *
 * Slabs hold slots of one size. A slab is one mapping, readable and writable, whose guards are
 * MADV_GUARD_INSTALL markers (Linux 6.13) or, before that, mprotect while mappings last. */
#ifndef CORO_STACK_H
#define CORO_STACK_H

#include "runtime/base.h"

/* The bytes at the top of a slot that a recycled slot must have zero: glibc's thread block and
 * static TLS. 0: unknown, recycled slots are wholly given back to the kernel. */
void stack_set_zeroed_top(size_t bytes);

/* A slot of at least @bytes (rounded up to pages). Zeroed where stack_set_zeroed_top says.
 * Returns its lowest address, or -errno. Does not park. */
long stack_map(size_t bytes);

/* Guards are markers, and take no mapping each. Any kernel thread of ours. */
bool stack_has_guard_markers(void);

/* True when @address lies in the arena. Any kernel thread of ours. */
bool stack_owns(uintptr_t address);

/* The slot around @address: fills its bounds. False: not in the arena. */
bool stack_bounds(uintptr_t address, uintptr_t *start, size_t *bytes);

/* The lowest address above the guard of the slot around @address; @otherwise outside the arena. */
uintptr_t stack_floor(uintptr_t address, uintptr_t otherwise);

/* mprotect(2) inside one slot. The first writable one since stack_map says how the thread wants its
 * stack: everything below @address becomes its guard (a recycled slot may have another), as if
 * stack_map's memory had been PROT_NONE. Later ones change the range alone; what they leave behind
 * is undone when the slot is unmapped. Returns 0 or -errno. */
long stack_protect(uintptr_t address, size_t bytes, int protection);

/* munmap(2) of a whole slot. -EINVAL when the range is not one. */
long stack_unmap(uintptr_t address, size_t bytes);

/* madvise(MADV_DONTNEED) inside a slot, done every so many times. */
long stack_discard(uintptr_t address, size_t bytes);

#endif
