/* What the objects of image.h say of themselves: where they lie, and the notes in them. */
#include <elfutils/libdwfl.h>
#include <string.h>

#include "tools/coroctl/image.h"

void image_bounds(uint64_t address, uint64_t *start, uint64_t *end)
{
    Dwfl_Module *module = dwfl_addrmodule(image_dwfl(), address);

    if (module != NULL)
        dwfl_module_info(module, NULL, start, end, NULL, NULL, NULL, NULL);
}

/* Where the contents of @owner's note in @segment are in the process; 0: it has none. */
static uint64_t note_in(Elf *elf, const GElf_Phdr *segment, const char *owner)
{
    Elf_Data *notes = elf_getdata_rawchunk(elf, (int64_t)segment->p_offset, segment->p_filesz,
                                           segment->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
    size_t at = 0, name_at, body_at;
    GElf_Nhdr note;

    while (notes != NULL && (at = gelf_getnote(notes, at, &note, &name_at, &body_at)) > 0)
        if (note.n_namesz == strlen(owner) + 1 &&
            memcmp((const char *)notes->d_buf + name_at, owner, note.n_namesz) == 0)
            return segment->p_vaddr + body_at;
    return 0;
}

struct note_search {
    const char *owner;
    uint64_t address;
};

static int search_module(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr start,
                         void *argument)
{
    struct note_search *search = argument;
    GElf_Addr bias;
    Elf *elf = dwfl_module_getelf(module, &bias);
    size_t count;

    (void)data, (void)name, (void)start;
    if (elf == NULL || elf_getphdrnum(elf, &count) != 0)
        return DWARF_CB_OK;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;
        uint64_t found;

        if (gelf_getphdr(elf, (int)i, &header) == NULL || header.p_type != PT_NOTE)
            continue;
        found = note_in(elf, &header, search->owner);
        if (found != 0) {
            search->address = found + bias;
            return DWARF_CB_ABORT;
        }
    }
    return DWARF_CB_OK;
}

bool image_find_note(const char *owner, uint64_t *address)
{
    struct note_search search = { .owner = owner };

    dwfl_getmodules(image_dwfl(), search_module, &search, 0);
    *address = search.address;
    return search.address != 0;
}
