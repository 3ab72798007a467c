/* A preemption between the stores may let another thread write the same entry: `lock` is written
 * last and cleared first, and who reads compares the owner too. */
#include "runtime/lock_site.h"

#include "runtime/runtime.h"
#include "runtime/stack_info.h"

#define ENTRIES   16384U
#define MIX       UINT64_C(0x9e3779b97f4a7c15)
#define AT_A_TIME 2048U /* entries whose locks are read */

static struct lock_site sites[ENTRIES];

static struct lock_site *entry_of(uint64_t lock)
{
    return &sites[lock * MIX >> 50];
}

void lock_site_note(uintptr_t lock, uintptr_t pc, uint32_t tid, enum wait_kind kind)
{
    struct lock_site *site = entry_of(lock);
    site->lock = 0;
    barrier();
    site->pc = pc;
    site->tid = tid;
    site->kind = kind;
    site->since_ns = clock_now(&runtime.clock);
    barrier();
    site->lock = lock;
}

bool lock_site_of(uint64_t lock, uint32_t tid, struct lock_site *out)
{
    *out = *(const volatile struct lock_site *)entry_of(lock);
    return lock && out->lock == lock && out->tid == tid;
}

/* The lock may have been released, and its memory be anything by now. Owners are where describe.c finds them. */
static bool is_held(const struct lock_site *site)
{
    uint32_t word[7];
    size_t bytes = site->kind == WAIT_RWLOCK ? sizeof(word) : 3 * sizeof(*word);
    return site->lock && co_memory(word, site->lock, bytes) == bytes &&
           word[bytes / sizeof(*word) - 1] == site->tid;
}

size_t lock_sites_held(uint32_t *next, struct lock_site *out, size_t max, bool *more)
{
    size_t count = 0;
    for (uint32_t looked_at = 0; *next < ENTRIES && looked_at < AT_A_TIME && count < max; ++*next) {
        struct lock_site site = *(const volatile struct lock_site *)&sites[*next];
        looked_at += site.lock != 0;
        if (is_held(&site))
            out[count++] = site;
    }
    *more = *next < ENTRIES;
    return count;
}
