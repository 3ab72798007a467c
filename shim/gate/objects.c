/* The loaded objects: their segments, tables and names, as ld.so tells them.
 *
 * Above the gate (dl_iterate_phdr takes ld.so's lock). Left out are our own object, whose calls
 * must reach the kernel, and the vdso, which isn't ours to write to.
 * libc is known by the address of one of its functions, ld.so by AT_BASE. */
#define _GNU_SOURCE
#include <asm/mman.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <sys/auxv.h>

#include "runtime/sys.h"
#include "shim/gate/internal.h"

struct listing {
    struct gate_array *images; /* all, or */
    struct gate_image *libc;   /* libc alone */
    struct gate_range ldso;
    struct gate_loads loads;
    int error;
};

static int protection_of(uint32_t flags)
{
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
           (flags & PF_X ? PROT_EXEC : 0);
}

static void read_segment(struct gate_image *image, const Elf64_Phdr *phdr)
{
    uintptr_t low = image->base + phdr->p_vaddr;
    uintptr_t high = low + phdr->p_memsz;
    if (phdr->p_type == PT_GNU_EH_FRAME) {
        image->eh_frame_hdr = (const uint8_t *)low;
        image->eh_frame_hdr_bytes = phdr->p_memsz;
    }
    if (phdr->p_type != PT_LOAD)
        return;
    image->low = low < image->low ? low : image->low;
    image->high = high > image->high ? high : image->high;
    bool text = (phdr->p_flags & PF_X) && (phdr->p_flags & PF_R);
    if (!text || image->exec_count == GATE_EXEC_MAX)
        return;
    image->exec[image->exec_count] = (struct gate_range){ low, low + phdr->p_filesz };
    image->exec_protection[image->exec_count++] = protection_of(phdr->p_flags);
}

static bool image_holds(const struct gate_image *image, const void *address)
{
    return (uintptr_t)address >= image->low && (uintptr_t)address < image->high;
}

/* The name, or its end when it is too long; the main program's has to be asked for. */
static void copy_name(struct gate_image *image, const char *name)
{
    char program[512];
    if (!name || !*name) {
        long length = sys3(__NR_readlink, "/proc/self/exe", program, sizeof(program) - 1);
        program[length > 0 ? length : 0] = '\0';
        name = length > 0 ? program : "main program";
    }
    size_t length = __builtin_strlen(name);
    if (length >= sizeof(image->name))
        name += length - (sizeof(image->name) - 1);
    __builtin_strcpy(image->name, name);
}

/* Fills @image; false when it is none of ours to rewrite. The name is left out. */
static bool read_image(const struct dl_phdr_info *info, struct gate_image *image)
{
    *image = (struct gate_image){ .base = info->dlpi_addr, .low = UINTPTR_MAX };
    image->phdr = info->dlpi_phdr;
    image->phnum = info->dlpi_phnum;
    for (size_t i = 0; i < image->phnum; i++)
        read_segment(image, &info->dlpi_phdr[i]);
    const void *vdso = (const void *)getauxval(AT_SYSINFO_EHDR);
    const void *ldso = (const void *)getauxval(AT_BASE);
    image->is_libc = image_holds(image, (const void *)gnu_get_libc_version);
    image->is_ldso = ldso && image_holds(image, ldso);
    return image->exec_count > 0 && !image_holds(image, (const void *)gate_enter) &&
           !(vdso && image_holds(image, vdso));
}

static int add_image(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    struct listing *listing = data;
    struct gate_image image;
    listing->loads = (struct gate_loads){ info->dlpi_adds, info->dlpi_subs };
    if (!read_image(info, &image))
        return 0;
    copy_name(&image, info->dlpi_name);
    struct gate_image *slot = gate_array_push(listing->images, sizeof(*slot));
    if (!slot) {
        listing->error = -ENOMEM;
        return 1;
    }
    *slot = image;
    return 0;
}

int gate_images(struct gate_array *images, struct gate_loads *loads)
{
    struct listing listing = { .images = images };
    dl_iterate_phdr(add_image, &listing);
    *loads = listing.loads;
    return listing.error;
}

static int note_libc(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    struct listing *listing = data;
    struct gate_image image;
    if (!read_image(info, &image))
        return 0;
    if (image.is_ldso)
        listing->ldso = image.exec[0];
    if (image.is_libc) {
        copy_name(&image, info->dlpi_name);
        *listing->libc = image;
    }
    return 0;
}

int gate_find_libc(struct gate_image *libc, struct gate_range *ldso)
{
    struct listing listing = { .libc = libc };
    libc->is_libc = false;
    dl_iterate_phdr(note_libc, &listing);
    *ldso = listing.ldso;
    return libc->is_libc ? 0 : -ENOENT;
}

static int read_loads(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    *(struct gate_loads *)data = (struct gate_loads){ info->dlpi_adds, info->dlpi_subs };
    return 1;
}

struct gate_loads gate_loads_now(void)
{
    struct gate_loads loads = { 0 };
    dl_iterate_phdr(read_loads, &loads);
    return loads;
}

bool gate_image_readable(const struct gate_image *image, uintptr_t address, size_t bytes)
{
    for (size_t i = 0; i < image->phnum; i++) {
        const Elf64_Phdr *phdr = &image->phdr[i];
        if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_R))
            continue;
        uintptr_t low = image->base + phdr->p_vaddr;
        if (address >= low && bytes <= phdr->p_memsz && address - low <= phdr->p_memsz - bytes)
            return true;
    }
    return false;
}

/* ld.so has relocated the pointers of the dynamic section of all but a few objects in place. */
static uintptr_t dynamic_value(const struct gate_image *image, int64_t tag)
{
    const Elf64_Dyn *dynamic = NULL;
    for (size_t i = 0; i < image->phnum; i++)
        if (image->phdr[i].p_type == PT_DYNAMIC)
            dynamic = (const Elf64_Dyn *)(image->base + image->phdr[i].p_vaddr);
    for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++)
        if (dynamic->d_tag == tag)
            return dynamic->d_un.d_ptr < image->base ? dynamic->d_un.d_ptr + image->base
                                                     : dynamic->d_un.d_ptr;
    return 0;
}

uintptr_t gate_image_symbol(const struct gate_image *image, const char *name)
{
    const uint32_t *table = (const uint32_t *)dynamic_value(image, DT_GNU_HASH);
    const Elf64_Sym *symbols = (const Elf64_Sym *)dynamic_value(image, DT_SYMTAB);
    const char *strings = (const char *)dynamic_value(image, DT_STRTAB);
    if (!table || !symbols || !strings || table[0] == 0)
        return 0;
    uint32_t hash = 5381;
    for (const char *at = name; *at; at++)
        hash = hash * 33 + (unsigned char)*at;
    const uint32_t *buckets = table + 4 + table[2] * 2; /* behind 64-bit bloom words */
    const uint32_t *chain = buckets + table[0];
    uint32_t index = buckets[hash % table[0]];
    for (; index >= table[1]; index++) {
        uint32_t here = chain[index - table[1]];
        if ((here | 1) == (hash | 1) &&
            __builtin_strcmp(strings + symbols[index].st_name, name) == 0 &&
            symbols[index].st_shndx != SHN_UNDEF)
            return image->base + symbols[index].st_value;
        if (here & 1)
            break;
    }
    return 0;
}
