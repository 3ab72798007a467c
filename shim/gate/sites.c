/* What has been rewritten: the published areas, questions about addresses, and the counts.
 *
 * Below the gate. Readers (signal handlers, gate_dispatch, the monitor) take no lock: the list of
 * areas only grows at its head, by a release store, and what an area says of its sites is written
 * before. An area whose object is gone is marked dead, and may be re-used for another object; a
 * reader can't be confused by that, since no pc of a live coroutine is in a dead area.
 * Writers are gate_arm, gate_open and gate_refresh, which exclude each other. */
#include "shim/gate/internal.h"

static struct gate_area *areas;
static struct gate_range libc_range, ldso_range;

/* The counts, in chunks from the pool that are never freed. */
#define STATS_CHUNK 28

struct stats_chunk {
    struct stats_chunk *next;
    size_t count;
    struct gate_object_stats entry[STATS_CHUNK];
};

static struct stats_chunk *first_chunk;

struct gate_area *gate_areas(void)
{
    return __atomic_load_n(&areas, __ATOMIC_ACQUIRE);
}

void gate_area_publish(struct gate_area *area)
{
    for (struct gate_area *old = areas; old; old = old->next)
        if (old == area) {
            __atomic_store_n(&area->dead, false, __ATOMIC_RELEASE);
            return;
        }
    area->next = areas;
    __atomic_store_n(&areas, area, __ATOMIC_RELEASE);
}

static const struct gate_area *area_of(uintptr_t pc)
{
    for (const struct gate_area *area = gate_areas(); area; area = area->next)
        if (pc - area->memory < area->bytes)
            return area;
    return NULL;
}

bool gate_owns_pc(uintptr_t pc)
{
    return area_of(pc) != NULL;
}

/* The bytes between the jump and the end of the sequence are the original ones: an instruction
 * that starts there can be resumed where it stands. */
static uintptr_t if_intact(const struct gate_site *site, uintptr_t address)
{
    return address >= site->start + GATE_JUMP_BYTES ? address : 0;
}

uintptr_t gate_original_pc(uintptr_t pc)
{
    const struct gate_area *area = area_of(pc);
    if (!area)
        return 0;
    size_t slot = (pc - area->memory) / GATE_STUB_BYTES;
    if (slot == 0 || slot > area->count)
        return 0;
    const struct gate_site *site = &area->site[slot - 1];
    size_t offset = (pc - area->memory) % GATE_STUB_BYTES;
    if (offset == 0)
        return site->start;
    if (offset < site->tail)
        return site->rerun ? site->start : if_intact(site, site->instruction);
    if (offset == site->tail_jump)
        return site->instruction + site->end;
    if (offset == site->tail)
        return if_intact(site, site->instruction + 2);
    return 0;
}

bool gate_site_known(uintptr_t instruction)
{
    for (const struct gate_area *area = gate_areas(); area; area = area->next) {
        if (area->dead || area->count == 0 || instruction < area->site[0].instruction ||
            instruction > area->site[area->count - 1].instruction)
            continue;
        size_t low = 0, high = area->count;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (area->site[middle].instruction < instruction)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < area->count && area->site[low].instruction == instruction)
            return true;
    }
    return false;
}

void gate_range_forget(uintptr_t low, uintptr_t high)
{
    for (struct gate_area *area = areas; area; area = area->next)
        if (area->count > 0 && area->site[0].start - low < high - low)
            __atomic_store_n(&area->dead, true, __ATOMIC_RELEASE);
}

void gate_sites_set_libc(struct gate_range libc, struct gate_range ldso)
{
    libc_range = libc;
    ldso_range = ldso;
}

static bool in_range(const struct gate_range *range, uintptr_t address)
{
    return address - range->low < range->high - range->low;
}

bool gate_site_in_libc(uintptr_t site)
{
    return in_range(&libc_range, site) || in_range(&ldso_range, site);
}

bool gate_site_in_ldso(uintptr_t site)
{
    return in_range(&ldso_range, site);
}

static bool same_name(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* The entry of this name, or a new one that is not yet counted; NULL without memory. */
static struct gate_object_stats *stats_entry(const char *name, struct stats_chunk **grown)
{
    struct stats_chunk **link = &first_chunk;
    for (; *link; link = &(*link)->next) {
        struct stats_chunk *chunk = *link;
        for (size_t i = 0; i < chunk->count; i++)
            if (same_name(chunk->entry[i].name, name))
                return &chunk->entry[i];
        if (chunk->count < STATS_CHUNK) {
            *grown = chunk;
            return &chunk->entry[chunk->count];
        }
    }
    struct stats_chunk *chunk = gate_pool(sizeof(*chunk));
    if (!chunk)
        return NULL;
    __atomic_store_n(link, chunk, __ATOMIC_RELEASE);
    *grown = chunk;
    return &chunk->entry[0];
}

void gate_stats_set(const char *name, uint32_t rewritten, const uint32_t why[RAW_REASONS],
                    uint32_t unknown)
{
    struct stats_chunk *grown = NULL;
    struct gate_object_stats *entry = stats_entry(name, &grown);
    if (!entry)
        return;
    entry->rewritten = rewritten;
    entry->raw = 0;
    for (size_t i = 0; i < RAW_REASONS; i++) {
        entry->why[i] = why ? why[i] : 0;
        entry->raw += entry->why[i];
    }
    entry->unknown = unknown;
    if (!grown)
        return;
    for (size_t i = 0; i + 1 < sizeof(entry->name) && name[i]; i++)
        entry->name[i] = name[i];
    __atomic_store_n(&grown->count, grown->count + 1, __ATOMIC_RELEASE);
}

size_t gate_stats(struct gate_object_stats *out, size_t skip, size_t max)
{
    size_t known = 0;
    const struct stats_chunk *chunk = __atomic_load_n(&first_chunk, __ATOMIC_ACQUIRE);
    for (; chunk; chunk = __atomic_load_n(&chunk->next, __ATOMIC_ACQUIRE)) {
        size_t count = __atomic_load_n(&chunk->count, __ATOMIC_ACQUIRE);
        for (size_t i = 0; i < count; i++, known++)
            if (known >= skip && known - skip < max)
                gate_copy(&out[known - skip], &chunk->entry[i], sizeof(*out));
    }
    return known;
}
