/* The stack arena.
 *
 * Address space is plentiful (8 TB for a million default stacks), mappings and system calls aren't.
 * Slots of one size sit side by side in a slab, so that the top page of one and the guard of the
 * next share a page table. A free slot keeps its guard and, while few are free, its memory; only
 * its top is cleared for the next thread. All state belongs to the carrier; stack_owns and
 * stack_bounds read what never changes once published. */
#include "runtime/stack.h"

#include <linux/mman.h>

#include "runtime/mem.h"
#include "runtime/sys.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif

#define SLABS_MAX          4096
#define SLAB_SLOTS_FIRST   64U
#define SLAB_SLOTS_MAX     16384U
#define SLOT_BYTES_MAX     (1UL << 30) /* larger ones are mapped one by one, outside the arena */
#define SLOTS_PER_SLAB_MAP (1UL << 40) /* address space per slab */
#define DIRTY_SLOTS_MAX    512U        /* free slots that keep their memory */
#define DISCARD_EVERY      16U
#define GUARD_MAPPINGS_MAX 24000U /* of vm.max_map_count's 65530, when guards cost mappings */

struct slot {
    uint32_t next_free;   /* 1 + index in its slab */
    uint32_t guard_pages; /* at its low end */
    uint8_t discards;
    bool used;
    bool protected;   /* stack_protect was called since stack_map: by glibc, the first time */
    bool reprotected; /* the program has changed more than the guard */
};

struct slab {
    uintptr_t start;
    size_t slot_bytes;
    uint32_t slots, fresh; /* slots from `fresh` on were never used */
    uint32_t free;         /* 1 + index of the first free slot */
    struct slot *slot;
};

static struct {
    struct slab slab[SLABS_MAX];
    volatile uint32_t slabs;
    size_t zeroed_top;
    uint32_t dirty_free;
    uint32_t guard_mappings;
    bool no_guard_markers;
} arena;

void stack_set_zeroed_top(size_t bytes)
{
    arena.zeroed_top = bytes;
}

static struct slab *slab_of(uintptr_t address)
{
    for (uint32_t i = 0; i < arena.slabs; i++) {
        struct slab *slab = &arena.slab[i];
        if (address - slab->start < slab->slot_bytes * slab->slots)
            return slab;
    }
    return NULL;
}

bool stack_owns(uintptr_t address)
{
    return slab_of(address) != NULL;
}

bool stack_bounds(uintptr_t address, uintptr_t *start, size_t *bytes)
{
    struct slab *slab = slab_of(address);
    if (!slab)
        return false;
    *bytes = slab->slot_bytes;
    *start = slab->start + (address - slab->start) / slab->slot_bytes * slab->slot_bytes;
    return true;
}

uintptr_t stack_floor(uintptr_t address, uintptr_t otherwise)
{
    struct slab *slab = slab_of(address);
    if (!slab)
        return otherwise;
    size_t index = (address - slab->start) / slab->slot_bytes;
    return slab->start + index * slab->slot_bytes + slab->slot[index].guard_pages * PAGE_BYTES;
}

static struct slab *new_slab(size_t slot_bytes, uint32_t slots)
{
    if (arena.slabs == SLABS_MAX)
        return NULL;
    struct slab *slab = &arena.slab[arena.slabs];
    size_t bytes = slot_bytes * slots;
    long at = sys6(__NR_mmap, 0, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (sys_is_error(at))
        return NULL;
    struct slot *slot = pages_map(slots * sizeof(*slot));
    if (!slot) {
        sys2(__NR_munmap, at, bytes);
        return NULL;
    }
    sys3(__NR_madvise, at, bytes, MADV_NOHUGEPAGE); /* or one touch would cost 2 MiB */
    *slab = (struct slab){
        .start = (uintptr_t)at, .slot_bytes = slot_bytes, .slots = slots, .slot = slot
    };
    __atomic_store_n(&arena.slabs, arena.slabs + 1, __ATOMIC_RELEASE);
    return slab;
}

/* A slab with a free slot of this size, made if need be; each is twice the last one. */
static struct slab *slab_with_room(size_t slot_bytes)
{
    uint32_t slots = SLAB_SLOTS_FIRST;
    for (uint32_t i = arena.slabs; i-- > 0;) {
        struct slab *slab = &arena.slab[i];
        if (slab->slot_bytes != slot_bytes)
            continue;
        if (slab->free || slab->fresh < slab->slots)
            return slab;
        if (slab->slots * 2 > slots)
            slots = slab->slots * 2;
    }
    if (slots > SLAB_SLOTS_MAX)
        slots = SLAB_SLOTS_MAX;
    while (slots > 1 && slot_bytes * slots > SLOTS_PER_SLAB_MAP)
        slots /= 2;
    return new_slab(slot_bytes, slots);
}

static uintptr_t slot_start(const struct slab *slab, uint32_t index)
{
    return slab->start + index * slab->slot_bytes;
}

long stack_map(size_t bytes)
{
    bytes = align_up(bytes, PAGE_BYTES);
    if (!bytes || bytes > SLOT_BYTES_MAX)
        return -EINVAL;
    struct slab *slab = slab_with_room(bytes);
    if (!slab)
        return -ENOMEM;
    uint32_t index = slab->free ? slab->free - 1 : slab->fresh++;
    struct slot *slot = &slab->slot[index];
    if (slab->free) {
        slab->free = slot->next_free;
        if (slot->discards != UINT8_MAX) { /* it kept its memory */
            arena.dirty_free--;
            size_t usable = bytes - slot->guard_pages * PAGE_BYTES;
            size_t top = arena.zeroed_top < usable ? arena.zeroed_top : usable;
            memset((void *)(slot_start(slab, index) + bytes - top), 0, top);
        }
    }
    slot->discards = 0;
    slot->used = true;
    slot->protected = false;
    return (long)slot_start(slab, index);
}

bool stack_has_guard_markers(void)
{
    return !arena.no_guard_markers;
}

static long install_guard(uintptr_t at, size_t bytes)
{
    if (!arena.no_guard_markers) {
        long error = sys3(__NR_madvise, at, bytes, MADV_GUARD_INSTALL);
        if (error != -EINVAL)
            return error;
        arena.no_guard_markers = true;
    }
    if (arena.guard_mappings >= GUARD_MAPPINGS_MAX)
        return 0; /* no guard: better than no thread */
    arena.guard_mappings++;
    return sys3(__NR_mprotect, at, bytes, PROT_NONE);
}

static void remove_guard(uintptr_t at, size_t bytes)
{
    if (!arena.no_guard_markers) {
        sys3(__NR_madvise, at, bytes, MADV_GUARD_REMOVE);
        return;
    }
    if (sys3(__NR_mprotect, at, bytes, PROT_READ | PROT_WRITE) == 0 && arena.guard_mappings)
        arena.guard_mappings--;
}

static void set_guard(struct slab *slab, uint32_t index, uint32_t pages)
{
    struct slot *slot = &slab->slot[index];
    uintptr_t start = slot_start(slab, index);
    if (slot->guard_pages > pages)
        remove_guard(start + pages * PAGE_BYTES, (slot->guard_pages - pages) * PAGE_BYTES);
    else if (slot->guard_pages < pages)
        install_guard(start + slot->guard_pages * PAGE_BYTES,
                      (pages - slot->guard_pages) * PAGE_BYTES);
    slot->guard_pages = pages;
}

/* Ranges that are neither glibc's guard nor its whole stack: the program's own doing. */
static long reprotect(struct slot *slot, uintptr_t address, size_t bytes, int protection)
{
    slot->reprotected = true;
    if (protection & PROT_WRITE)
        sys3(__NR_madvise, address, bytes, MADV_GUARD_REMOVE);
    return sys3(__NR_mprotect, address, bytes, protection);
}

long stack_protect(uintptr_t address, size_t bytes, int protection)
{
    struct slab *slab = slab_of(address);
    uint32_t index = (uint32_t)((address - slab->start) / slab->slot_bytes);
    struct slot *slot = &slab->slot[index];
    bytes = align_up(bytes, PAGE_BYTES);
    if (address % PAGE_BYTES)
        return -EINVAL;
    size_t from = address - slot_start(slab, index), end = from + bytes;
    size_t guard = slot->guard_pages * PAGE_BYTES;
    bool first = !slot->protected;
    slot->protected = true;
    if (end > slab->slot_bytes)
        return reprotect(slot, address, bytes, protection);
    if (protection == PROT_NONE && from == 0) {
        if (end > guard)
            set_guard(slab, index, (uint32_t)(end / PAGE_BYTES));
        return 0;
    }
    bool writable = (protection & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE);
    if (writable && (first || (from < guard && end >= guard)))
        set_guard(slab, index, (uint32_t)(from / PAGE_BYTES));
    else if (slot->reprotected || !writable || from < guard)
        return reprotect(slot, address, bytes, protection);
    return protection & PROT_EXEC ? reprotect(slot, address, bytes, protection) : 0;
}

/* Takes back what a thread did to its slot beyond a guard. */
static void restore_protection(struct slot *slot, uintptr_t start, size_t bytes)
{
    sys3(__NR_madvise, start, bytes, MADV_GUARD_REMOVE);
    sys3(__NR_mprotect, start, bytes, PROT_READ | PROT_WRITE);
    if (arena.no_guard_markers && slot->guard_pages && arena.guard_mappings)
        arena.guard_mappings--;
    slot->reprotected = false;
    slot->guard_pages = 0;
}

long stack_unmap(uintptr_t address, size_t bytes)
{
    struct slab *slab = slab_of(address);
    uint32_t index = (uint32_t)((address - slab->start) / slab->slot_bytes);
    struct slot *slot = &slab->slot[index];
    if (address != slot_start(slab, index) || align_up(bytes, PAGE_BYTES) != slab->slot_bytes ||
        !slot->used)
        return -EINVAL;
    if (slot->reprotected)
        restore_protection(slot, address, slab->slot_bytes);
    if (arena.zeroed_top && arena.dirty_free < DIRTY_SLOTS_MAX) {
        arena.dirty_free++;
        slot->discards = 0;
    } else {
        sys3(__NR_madvise, address, slab->slot_bytes, MADV_DONTNEED);
        slot->discards = UINT8_MAX;
    }
    slot->used = false;
    slot->next_free = slab->free;
    slab->free = index + 1;
    return 0;
}

long stack_discard(uintptr_t address, size_t bytes)
{
    struct slab *slab = slab_of(address);
    struct slot *slot = &slab->slot[(address - slab->start) / slab->slot_bytes];
    if (++slot->discards % DISCARD_EVERY)
        return 0;
    slot->discards = 0;
    return sys3(__NR_madvise, address, bytes, MADV_DONTNEED);
}
