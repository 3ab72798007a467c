/* A preemption between the stores may let another thread write the same entry: `lock` is written
 * last and cleared first, and who reads compares the owner too. */
#include "runtime/lock_site.h"

#include "runtime/runtime.h"

#define ENTRIES 16384U
#define MIX     UINT64_C(0x9e3779b97f4a7c15)

static struct lock_site sites[ENTRIES];

static struct lock_site *entry_of(uint64_t lock)
{
    return &sites[lock * MIX >> 50];
}

void lock_site_note(uintptr_t lock, uintptr_t pc, uint32_t tid)
{
    struct lock_site *site = entry_of(lock);
    site->lock = 0;
    barrier();
    site->pc = pc;
    site->tid = tid;
    site->since_ns = clock_now(&runtime.clock);
    barrier();
    site->lock = lock;
}

bool lock_site_of(uint64_t lock, uint32_t tid, struct lock_site *out)
{
    *out = *(const volatile struct lock_site *)entry_of(lock);
    return lock && out->lock == lock && out->tid == tid;
}
