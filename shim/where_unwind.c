/* Unwinding within the process, with libunwind's remote interface.
 *
 * libunwind is loaded here, on demand and RTLD_LOCAL: its _Unwind_* must not take the place of
 * libgcc_s's, and most programs never ask. Its local interface knows the caller's stack alone and
 * reads memory by pointers. The remote one asks us for each word and for the unwind tables: words come by
 * look_memory, which never faults, so a damaged stack or an object that is let go meanwhile ends the
 * walk and nothing else. Which object an address belongs to _dl_find_object says, without a lock.
 *
 * State is the caller's alone and on the heap; the functions' addresses are written once, the same
 * by whoever comes first. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libunwind.h>
#include <stdlib.h>
#include <string.h>

#include "interpose/look.h"
#include "shim/where_internal.h"

#define LIBRARY       "libunwind-x86_64.so.8"
#define PAGE          4096
#define PAGES         32
#define TABLE_ENTRY   8    /* .eh_frame_hdr's: two 4-byte offsets */
#define HEADER_BYTES  12   /* version, three encodings, the two fields */
#define ENCODED_PTR   0x1b /* DW_EH_PE_pcrel | sdata4 */
#define ENCODED_COUNT 0x03 /* DW_EH_PE_udata4 */
#define ENCODED_TABLE 0x3b /* DW_EH_PE_datarel | sdata4 */

typedef int search_table(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *table,
                         unw_proc_info_t *procedure, int need_info, void *argument);

static struct {
    __typeof__(&unw_create_addr_space) create;
    __typeof__(&unw_destroy_addr_space) destroy;
    __typeof__(&unw_init_remote) init;
    __typeof__(&unw_get_reg) get_register;
    __typeof__(&unw_step) step;
    __typeof__(&unw_is_signal_frame) is_signal_frame;
    search_table *search; /* exported for those who find tables themselves, but declared nowhere */
    bool loaded;
} library;

struct unwinding {
    const uint64_t *registers;
    size_t page_count;
    struct {
        uint64_t address;
        size_t bytes;
        unsigned char contents[PAGE];
    } pages[PAGES];
};

#define TEXT_OF(name)     #name
#define TEXT(name)        TEXT_OF(name)
#define FIND(field, name) (*(void **)&library.field = dlsym(object, TEXT(UNW_OBJ(name)))) != NULL

static bool load(void)
{
    void *object;

    if (__atomic_load_n(&library.loaded, __ATOMIC_ACQUIRE))
        return true;
    object = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL)
        return false;
    if (!(FIND(create, create_addr_space) && FIND(destroy, destroy_addr_space) &&
          FIND(init, init_remote) && FIND(get_register, get_reg) && FIND(step, step) &&
          FIND(is_signal_frame, is_signal_frame) && FIND(search, dwarf_search_unwind_table)))
        return false;
    __atomic_store_n(&library.loaded, true, __ATOMIC_RELEASE);
    return true;
}

static bool read_page(struct unwinding *own, uint64_t address, void *to, size_t bytes)
{
    uint64_t start = address / PAGE * PAGE;
    size_t i = 0;

    while (i < own->page_count && own->pages[i].address != start)
        i++;
    if (i == own->page_count) {
        if (i == PAGES)
            i = own->page_count = 0;
        own->pages[i].address = start;
        own->pages[i].bytes = look_memory(own->pages[i].contents, start, PAGE);
        own->page_count++;
    }
    if (address - start + bytes > own->pages[i].bytes)
        return false;
    memcpy(to, own->pages[i].contents + (address - start), bytes);
    return true;
}

static bool read_memory(struct unwinding *own, uint64_t address, void *to, size_t bytes)
{
    size_t first = PAGE - address % PAGE;

    if (bytes <= first)
        return read_page(own, address, to, bytes);
    return read_page(own, address, to, first) &&
           read_page(own, address + first, (char *)to + first, bytes - first);
}

static int access_memory(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write,
                         void *own)
{
    (void)space;
    return !write && read_memory(own, address, value, sizeof(*value)) ? 0 : -UNW_EINVAL;
}

static int access_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value,
                           int write, void *own)
{
    (void)space;
    if (write || number < 0 || number >= STACK_REGISTERS)
        return -UNW_EBADREG;
    *value = ((struct unwinding *)own)->registers[number]; /* both count as DWARF does */
    return 0;
}

static int find_procedure(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *procedure,
                          int need_info, void *own)
{
    struct dl_find_object object;
    unw_dyn_info_t table = { 0 };
    unsigned char header[HEADER_BYTES];
    uint32_t count;

    if (_dl_find_object((void *)ip, &object) != 0 || object.dlfo_eh_frame == NULL ||
        !read_memory(own, (uintptr_t)object.dlfo_eh_frame, header, sizeof(header)) ||
        header[1] != ENCODED_PTR || header[2] != ENCODED_COUNT || header[3] != ENCODED_TABLE)
        return -UNW_ENOINFO;
    memcpy(&count, header + 8, sizeof(count));
    table.format = UNW_INFO_FORMAT_REMOTE_TABLE;
    table.start_ip = (uintptr_t)object.dlfo_map_start;
    table.end_ip = (uintptr_t)object.dlfo_map_end;
    table.u.rti.segbase = (uintptr_t)object.dlfo_eh_frame;
    table.u.rti.table_data = table.u.rti.segbase + HEADER_BYTES;
    table.u.rti.table_len = (unw_word_t)count * TABLE_ENTRY / sizeof(unw_word_t);
    return library.search(space, ip, &table, procedure, need_info, own);
}

static void put_procedure(unw_addr_space_t space, unw_proc_info_t *procedure, void *own)
{
    (void)space, (void)own;
    free(procedure->unwind_info);
    procedure->unwind_info = NULL;
}

static int no_dynamic_list(unw_addr_space_t space, unw_word_t *address, void *own)
{
    (void)space, (void)address, (void)own;
    return -UNW_ENOINFO;
}

static int no_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write,
                    void *own)
{
    (void)space, (void)number, (void)value, (void)write, (void)own;
    return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *own)
{
    (void)space, (void)cursor, (void)own;
    return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t space, unw_word_t address, char *name, size_t size,
                   unw_word_t *offset, void *own)
{
    (void)space, (void)address, (void)name, (void)size, (void)offset, (void)own;
    return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
    .find_proc_info = find_procedure,
    .put_unwind_info = put_procedure,
    .get_dyn_info_list_addr = no_dynamic_list,
    .access_mem = access_memory,
    .access_reg = access_register,
    .access_fpreg = no_float,
    .resume = no_resume,
    .get_proc_name = no_name,
};

static void walk(unw_addr_space_t space, struct unwinding *own, struct where_stack *stack)
{
    unw_cursor_t cursor;
    bool exact = false;
    unw_word_t ip;

    if (library.init(&cursor, space, own) != 0)
        return;
    do {
        if (library.get_register(&cursor, UNW_REG_IP, &ip) != 0 || ip == 0)
            return;
        stack->frame[stack->depth].pc = ip;
        stack->frame[stack->depth++].exact = exact;
        exact = library.is_signal_frame(&cursor) > 0;
    } while (stack->depth < WHERE_DEPTH_MAX && library.step(&cursor) > 0);
}

void where_unwind(const uint64_t *registers, struct where_stack *stack)
{
    struct unwinding *own = load() ? calloc(1, sizeof(*own)) : NULL;
    unw_addr_space_t space;

    stack->depth = 0;
    if (own == NULL)
        return;
    own->registers = registers;
    space = library.create(&accessors, 0);
    if (space != NULL) {
        walk(space, own, stack);
        library.destroy(space);
    }
    free(own);
}
