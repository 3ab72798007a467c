/* Unwinding threads of another process with libunwind's remote interface.
 *
 * Registers and the top of each stack came over the control socket, so no right to trace is needed.
 * Tables of unwind information and code are read from the objects' files; what is in neither is
 * asked for, page by page, and forgotten with the thread, which may run meanwhile. */
#include <errno.h>
#include <error.h>
#include <libunwind.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"
#include "runtime/co_info.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/stacks.h"

#define PAGE          4096
#define PAGES         16
#define TABLE_ENTRY   8    /* .eh_frame_hdr's: two 4-byte offsets */
#define HEADER_BYTES  12   /* version, three encodings, the two fields */
#define ENCODED_PTR   0x1b /* DW_EH_PE_pcrel | sdata4 */
#define ENCODED_COUNT 0x03 /* DW_EH_PE_udata4 */
#define ENCODED_TABLE 0x3b /* DW_EH_PE_datarel | sdata4 */

/* libunwind exports it for those who find tables themselves, but declares it nowhere. */
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip,
                                              unw_dyn_info_t *table, unw_proc_info_t *procedure,
                                              int need_info, void *argument);

static struct {
    unw_addr_space_t space;
    memory_reader *reader;
    void *context;
    const struct co_stack_info *info;
    const unsigned char *memory;
    struct {
        uint64_t address;
        size_t bytes;
        unsigned char contents[PAGE];
    } pages[PAGES];
    size_t page_count;
} unwinder;

static bool read_page(uint64_t address, void *to, size_t bytes)
{
    uint64_t start = address / PAGE * PAGE;
    size_t i = 0;

    while (i < unwinder.page_count && unwinder.pages[i].address != start)
        i++;
    if (i == unwinder.page_count) {
        if (i == PAGES)
            i = unwinder.page_count = 0;
        unwinder.pages[i].address = start;
        unwinder.pages[i].bytes =
            unwinder.reader(unwinder.context, start, unwinder.pages[i].contents, PAGE);
        unwinder.page_count++;
    }
    if (address - start + bytes > unwinder.pages[i].bytes)
        return false;
    memcpy(to, unwinder.pages[i].contents + (address - start), bytes);
    return true;
}

static bool read_memory(uint64_t address, void *to, size_t bytes)
{
    uint64_t offset = address - unwinder.info->registers[REGISTER_RSP];

    if (offset < unwinder.info->memory_bytes && unwinder.info->memory_bytes - offset >= bytes) {
        memcpy(to, unwinder.memory + offset, bytes);
        return true;
    }
    if (image_read(address, to, bytes) == bytes)
        return true;
    return read_page(address, to, bytes);
}

static int access_memory(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write,
                         void *argument)
{
    (void)space, (void)argument;
    return !write && read_memory(address, value, sizeof(*value)) ? 0 : -UNW_EINVAL;
}

static int access_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value,
                           int write, void *argument)
{
    (void)space, (void)argument;
    if (write || number < 0 || number >= STACK_REGISTERS)
        return -UNW_EBADREG;
    *value = unwinder.info->registers[number]; /* both count as DWARF does */
    return 0;
}

static int access_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write,
                        void *argument)
{
    (void)space, (void)number, (void)value, (void)write, (void)argument;
    return -UNW_EBADREG;
}

static int find_procedure(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *procedure,
                          int need_info, void *argument)
{
    struct unwind_table found;
    unw_dyn_info_t table = { 0 };
    unsigned char header[HEADER_BYTES];
    uint32_t count;

    if (!image_unwind_table(ip, &found) ||
        image_read(found.header, header, sizeof(header)) != sizeof(header) ||
        header[1] != ENCODED_PTR || header[2] != ENCODED_COUNT || header[3] != ENCODED_TABLE)
        return -UNW_ENOINFO;
    memcpy(&count, header + 8, sizeof(count));
    table.format = UNW_INFO_FORMAT_REMOTE_TABLE;
    table.start_ip = found.start;
    table.end_ip = found.end;
    table.u.rti.segbase = found.header;
    table.u.rti.table_data = found.header + HEADER_BYTES;
    table.u.rti.table_len = (unw_word_t)count * TABLE_ENTRY / sizeof(unw_word_t);
    return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &table, procedure, need_info, argument);
}

static void put_procedure(unw_addr_space_t space, unw_proc_info_t *procedure, void *argument)
{
    (void)space, (void)argument;
    free(procedure->unwind_info);
    procedure->unwind_info = NULL;
}

static int no_dynamic_list(unw_addr_space_t space, unw_word_t *address, void *argument)
{
    (void)space, (void)address, (void)argument;
    return -UNW_ENOINFO;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *argument)
{
    (void)space, (void)cursor, (void)argument;
    return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t space, unw_word_t address, char *name, size_t size,
                   unw_word_t *offset, void *argument)
{
    (void)space, (void)address, (void)name, (void)size, (void)offset, (void)argument;
    return -UNW_ENOINFO;
}

void unwind_open(memory_reader *reader, void *context)
{
    static unw_accessors_t accessors = {
        .find_proc_info = find_procedure,
        .put_unwind_info = put_procedure,
        .get_dyn_info_list_addr = no_dynamic_list,
        .access_mem = access_memory,
        .access_reg = access_register,
        .access_fpreg = access_float,
        .resume = no_resume,
        .get_proc_name = no_name,
    };

    unwinder.reader = reader;
    unwinder.context = context;
    unwinder.space = unw_create_addr_space(&accessors, 0);
    if (unwinder.space == NULL)
        error(EXIT_FAILED, ENOMEM, "libunwind");
    unw_set_caching_policy(unwinder.space, UNW_CACHE_GLOBAL);
}

void unwind_close(void)
{
    unw_destroy_addr_space(unwinder.space);
}

/* Where a door has libc's own function do the work, that one is what programs call it. */
static void hide_doors(const struct stack *stack)
{
    const struct frame *within = NULL; /* of those that are shown, the one before */

    for (size_t i = 0; i < stack->depth; i++) {
        const struct place *place = image_place(stack->pcs[i], stack_is_exact(stack, i));
        const struct frame *frame = &place->frames[place->count - 1];

        if (frame->door && within != NULL && within->object != NULL && within->function != NULL &&
            strcmp(within->object, "libc.so.6") == 0 && within->function[0] != '<')
            image_hide_door(place);
        if (!frame->internal)
            within = frame;
    }
}

void unwind(const struct co_stack_info *info, const unsigned char *memory, struct stack *stack)
{
    uint64_t pcs[STACK_DEPTH_MAX];
    bool exact = info->state == CO_RUNNING;
    unw_cursor_t cursor;
    unw_word_t ip;

    unwinder.info = info;
    unwinder.memory = memory;
    unwinder.page_count = 0;
    stack->depth = 0;
    if (info->registers[REGISTER_RIP] == 0 || unw_init_remote(&cursor, unwinder.space, NULL) != 0)
        return;
    do {
        if (unw_get_reg(&cursor, UNW_REG_IP, &ip) != 0 || ip == 0)
            break;
        if (exact && stack->depth < 64)
            stack->exact |= UINT64_C(1) << stack->depth;
        exact = image_place(ip, exact)->interrupts;
        pcs[stack->depth++] = ip;
    } while (stack->depth < STACK_DEPTH_MAX && unw_step(&cursor) > 0);
    stack->pcs = malloc(stack->depth * sizeof(*pcs));
    if (stack->pcs == NULL)
        error(EXIT_FAILED, errno, "memory");
    memcpy(stack->pcs, pcs, stack->depth * sizeof(*pcs));
    hide_doors(stack);
}
