/* Time below the gate. The vDSO is a small ELF object in every process; its dynamic symbol table
 * names __vdso_clock_gettime (kernel: Documentation/ABI/stable/vdso). It needs neither TLS nor a
 * stack of note. */
#include "runtime/clock.h"

#include <elf.h>
#include <linux/time.h>

#include "runtime/mem.h"
#include "runtime/sys.h"

static const void *vdso_symbol(uintptr_t base, const char *name)
{
    const Elf64_Ehdr *header = (const void *)base;
    const Elf64_Phdr *segments = (const void *)(base + header->e_phoff);
    const Elf64_Dyn *dynamic = NULL;
    uintptr_t bias = 0;
    for (int i = 0; i < header->e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD)
            bias = base + segments[i].p_offset - segments[i].p_vaddr;
        else if (segments[i].p_type == PT_DYNAMIC)
            dynamic = (const void *)(base + segments[i].p_offset);
    }
    const Elf64_Sym *symbols = NULL;
    const char *strings = NULL;
    const uint32_t *hash = NULL;
    for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
        const void *at = (const void *)(bias + dynamic->d_un.d_ptr);
        if (dynamic->d_tag == DT_SYMTAB)
            symbols = at;
        else if (dynamic->d_tag == DT_STRTAB)
            strings = at;
        else if (dynamic->d_tag == DT_HASH)
            hash = at;
    }
    /* The vDSO's bucket table is followed by one chain entry per symbol. */
    for (uint32_t i = 0; symbols && strings && hash && i < hash[1]; i++) {
        if (symbols[i].st_shndx != SHN_UNDEF && text_equal(strings + symbols[i].st_name, name))
            return (const void *)(bias + symbols[i].st_value);
    }
    return NULL;
}

void clock_init(struct clock *clock, uintptr_t vdso)
{
    const void *found = vdso ? vdso_symbol(vdso, "__vdso_clock_gettime") : NULL;
    clock->gettime = (int (*)(int, struct __kernel_timespec *))found;
}

uint64_t clock_read(const struct clock *clock, int id)
{
    struct __kernel_timespec now = { 0 };
    if (!clock->gettime || clock->gettime(id, &now) != 0) {
        if (sys2(__NR_clock_gettime, id, &now) != 0)
            return 0;
    }
    return timespec_ns(&now);
}

uint64_t clock_now(const struct clock *clock)
{
    return clock_read(clock, CLOCK_MONOTONIC);
}

uint64_t clock_to_deadline(const struct clock *clock, int id, uint64_t at_ns)
{
    if (id == CLOCK_MONOTONIC || at_ns == DEADLINE_NEVER)
        return at_ns;
    uint64_t there = clock_read(clock, id);
    uint64_t here = clock_now(clock);
    return at_ns <= there ? here : deadline_after(here, at_ns - there);
}
