/* The objects of a process, read from their files by libdw.
 *
 * Thousands of threads wait at the same few places, so what an address stands for is looked up once
 * and remembered. */
#include "tools/coroctl/image.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <error.h>
#include <libiberty/demangle.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"

#define INLINE_DEPTH_MAX 32

static Dwfl *dwfl;
static uint64_t own_start, own_end; /* the addresses of coroshim's object */
static void *places;                /* tsearch's tree of struct place */

/* The segment that was read from last: unwinding one stack stays in few. */
static struct {
    uint64_t start, end;
    const char *contents;
} segment;

static char *no_path; /* libdw's own: beside the object, .debug, /usr/lib/debug */

int image_open(pid_t pid)
{
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_linux_proc_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .debuginfo_path = &no_path,
    };

    if (dwfl != NULL)
        return EXIT_OK;
    unsetenv("DEBUGINFOD_URLS"); /* never over the network */
    dwfl = dwfl_begin(&callbacks);
    if (dwfl == NULL || dwfl_linux_proc_report(dwfl, pid) != 0 ||
        dwfl_report_end(dwfl, NULL, NULL) != 0) {
        error(0, 0, "the objects of process %d: %s", (int)pid, dwfl_errmsg(-1));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

Dwfl *image_dwfl(void)
{
    return dwfl;
}

int image_open_core(Elf *core, const char *path, const char *program)
{
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .debuginfo_path = &no_path,
    };

    unsetenv("DEBUGINFOD_URLS");
    dwfl = dwfl_begin(&callbacks);
    if (dwfl == NULL || dwfl_core_file_report(dwfl, core, program) < 0 ||
        dwfl_report_end(dwfl, NULL, NULL) != 0) {
        error(0, 0, "the objects of core file %s: %s", path, dwfl_errmsg(-1));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

void image_own(uint64_t start, uint64_t end)
{
    own_start = start;
    own_end = end;
}

static void free_place(void *item)
{
    struct place *place = item;

    free(place->frames);
    free(place);
}

void image_close(void)
{
    tdestroy(places, free_place);
    places = NULL;
    segment.contents = NULL;
    dwfl_end(dwfl);
    dwfl = NULL;
}

static bool find_segment(uint64_t address)
{
    Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
    GElf_Addr bias;
    Elf *elf = module != NULL ? dwfl_module_getelf(module, &bias) : NULL;
    size_t count, file_bytes;
    const char *file = elf != NULL ? elf_rawfile(elf, &file_bytes) : NULL;

    if (file == NULL || elf_getphdrnum(elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;

        if (gelf_getphdr(elf, (int)i, &header) == NULL || header.p_type != PT_LOAD ||
            header.p_flags & PF_W || header.p_offset + header.p_filesz > file_bytes)
            continue;
        if (address - bias - header.p_vaddr < header.p_filesz) {
            segment.start = header.p_vaddr + bias;
            segment.end = segment.start + header.p_filesz;
            segment.contents = file + header.p_offset;
            return true;
        }
    }
    return false;
}

size_t image_read(uint64_t address, void *to, size_t bytes)
{
    if ((segment.contents == NULL || address < segment.start || address >= segment.end) &&
        !find_segment(address))
        return 0;
    if (bytes > segment.end - address)
        bytes = segment.end - address;
    memcpy(to, segment.contents + (address - segment.start), bytes);
    return bytes;
}

bool image_unwind_table(uint64_t pc, struct unwind_table *table)
{
    Dwfl_Module *module = dwfl_addrmodule(dwfl, pc);
    GElf_Addr bias;
    Elf *elf = module != NULL ? dwfl_module_getelf(module, &bias) : NULL;
    size_t count;

    if (elf == NULL || elf_getphdrnum(elf, &count) != 0)
        return false;
    dwfl_module_info(module, NULL, &table->start, &table->end, NULL, NULL, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;

        if (gelf_getphdr(elf, (int)i, &header) != NULL && header.p_type == PT_GNU_EH_FRAME) {
            table->header = header.p_vaddr + bias;
            return true;
        }
    }
    return false;
}

/* The demangled name, which lives as long as the process does; @name itself when it is plain. */
static const char *plain_name(const char *name)
{
    char *demangled = name != NULL ? cplus_demangle(name, DMGL_AUTO) : NULL;

    return demangled != NULL ? demangled : name;
}

/* The declaration of a function, where its scope is told. */
static Dwarf_Die declaration_of(Dwarf_Die die)
{
    static const unsigned links[] = { DW_AT_abstract_origin, DW_AT_specification };
    Dwarf_Attribute attribute;
    Dwarf_Die next;

    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        if (dwarf_attr(&die, links[i], &attribute) != NULL &&
            dwarf_formref_die(&attribute, &next) != NULL)
            die = next;
    return die;
}

/* Its own name, behind those of the namespaces and classes that it is in: a C++ function of a local
 * type has no name for the linker, and that of a Rust function lacks what its generics stand for. */
static const char *scoped_name(Dwarf_Die *die)
{
    Dwarf_Die declaration = declaration_of(*die), *scopes = NULL;
    int count = dwarf_getscopes_die(&declaration, &scopes);
    const char *name = dwarf_diename(die);

    for (int i = 1; i < count && name != NULL && dwarf_tag(&scopes[i]) != DW_TAG_subprogram; i++) {
        int tag = dwarf_tag(&scopes[i]);
        const char *scope = dwarf_diename(&scopes[i]);
        char *longer;

        if (tag == DW_TAG_namespace && scope == NULL)
            scope = "(anonymous namespace)";
        if (scope != NULL && tag != DW_TAG_compile_unit && tag != DW_TAG_lexical_block &&
            asprintf(&longer, "%s::%s", scope, name) >= 0)
            name = longer;
    }
    free(scopes);
    return name;
}

static const char *die_name(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    Dwarf_Die unit;
    const char *name = NULL;

    if (dwarf_srclang(dwarf_diecu(die, &unit, NULL, NULL)) == DW_LANG_Rust)
        return scoped_name(die);
    if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) != NULL)
        name = dwarf_formstring(&attribute);
    return name != NULL ? plain_name(name) : scoped_name(die);
}

/* Where an inlined function was called. */
static void take_call_site(Dwarf_Die *unit, Dwarf_Die *die, struct frame *frame)
{
    Dwarf_Attribute attribute;
    Dwarf_Word number;
    Dwarf_Files *files;
    size_t count;

    if (dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &number) == 0)
        frame->line = (int)number;
    if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &number) == 0 &&
        dwarf_getsrcfiles(unit, &files, &count) == 0 && number < count)
        frame->file = dwarf_filesrc(files, number, NULL, NULL);
}

static void take_line(Dwfl_Module *module, uint64_t address, struct frame *frame)
{
    Dwfl_Line *line = dwfl_module_getsrc(module, address);

    if (line != NULL)
        frame->file = dwfl_lineinfo(line, NULL, &frame->line, NULL, NULL, NULL);
}

/* The innermost function below @die, inlined ones too, whose code @address is in. Looks everywhere:
 * dwarf_getscopes doesn't look into types, where the functions of C++'s local types are. */
static bool find_function(Dwarf_Die *die, Dwarf_Addr address, Dwarf_Die *found)
{
    Dwarf_Die child;
    bool any = false;

    if (dwarf_child(die, &child) != 0)
        return false;
    do {
        int tag = dwarf_tag(&child);

        if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine) {
            any = find_function(&child, address, found);
        } else if (dwarf_haspc(&child, address) == 1) {
            *found = child;
            find_function(&child, address, found);
            any = true;
        } else if (tag == DW_TAG_subprogram) {
            any = find_function(&child, address, found);
        }
    } while (!any && dwarf_siblingof(&child, &child) == 0);
    return any;
}

/* As the code nests: an inlined function is in its caller, whatever the source says. */
static int scopes_at(Dwarf_Die *unit, Dwarf_Addr address, Dwarf_Die **scopes)
{
    Dwarf_Die function;

    return unit != NULL && find_function(unit, address, &function)
               ? dwarf_getscopes_die(&function, scopes)
               : 0;
}

/* Fills @frames from the debug information: functions inlined at @address, then the function. */
static size_t take_scopes(Dwfl_Module *module, uint64_t address, struct frame *frames)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = dwfl_module_addrdie(module, address, &bias), *scopes = NULL;
    int scope_count = scopes_at(unit, address - bias, &scopes);
    size_t count = 0;

    take_line(module, address, &frames[0]);
    for (int i = 0; i < scope_count && count + 1 < INLINE_DEPTH_MAX; i++) {
        int tag = dwarf_tag(&scopes[i]);

        if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
            continue;
        frames[count].function = die_name(&scopes[i]);
        frames[count].inlined = tag == DW_TAG_inlined_subroutine;
        count++;
        if (tag == DW_TAG_subprogram)
            break;
        take_call_site(unit, &scopes[i], &frames[count]);
    }
    free(scopes);
    return count;
}

/* Without the folder. libdw names the vDSO, which is no file, "[vdso: PID]". */
static const char *object_name(const char *path)
{
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    if (path != NULL && strncmp(path, "[vdso", strlen("[vdso")) == 0)
        return "vdso";
    return slash != NULL ? slash + 1 : path;
}

/* The object's name, and whether the frame is ours to hide: programs call what
 * coroshim's object exports; what stands behind it is of no interest to them. */
static void take_symbol(Dwfl_Module *module, uint64_t address, struct frame *frame)
{
    const char *path = dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    GElf_Addr start = 0;
    GElf_Sym symbol;
    GElf_Off offset = 0;
    const char *name;
    bool ours = address >= own_start && address < own_end;

    frame->object = object_name(path);
    name = dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL);
    if (name == NULL) {
        dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
        frame->offset = address - start;
        frame->internal = ours;
        return;
    }
    frame->offset = offset;
    frame->door = ours && GELF_ST_BIND(symbol.st_info) != STB_LOCAL;
    frame->internal = ours && !frame->door;
    if (frame->function == NULL || ours)
        frame->function = plain_name(name);
    if (frame->door)
        frame->file = NULL; /* it stands for libc's */
}

/* Whether the unwind information at @address marks it as what a signal interrupted others with. */
static bool is_signal_frame(Dwfl_Module *module, uint64_t address)
{
    Dwarf_Addr bias;
    Dwarf_CFI *table = dwfl_module_eh_cfi(module, &bias);
    Dwarf_Frame *frame;
    bool is_one = false;

    if (table != NULL && dwarf_cfi_addrframe(table, address - bias, &frame) == 0) {
        dwarf_frame_info(frame, NULL, NULL, &is_one);
        free(frame);
    }
    return is_one;
}

/* Code that a handler of a signal returns to: libc's, which asks the kernel to go back, or ours that
 * called it. Ours, too, stand above what a signal interrupted: restorer.S, call_on_stack (resume.S). */
static void take_signal(Dwfl_Module *module, uint64_t address, struct place *place,
                        struct frame *outermost)
{
    const char *name = outermost->internal && outermost->function ? outermost->function : "";

    place->interrupts = is_signal_frame(module, address);
    if ((place->interrupts && !outermost->internal) || strcmp(name, "call_handler") == 0)
        *outermost =
            (struct frame){ .function = "<signal handler called>", .object = outermost->object };
}

static void look_up(struct place *place)
{
    uint64_t address = place->exact ? place->pc : place->pc - 1; /* within the call */
    Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
    struct frame frames[INLINE_DEPTH_MAX] = { 0 };

    place->count = module != NULL ? take_scopes(module, address, frames) : 0;
    if (place->count == 0)
        place->count = 1;
    if (module != NULL) {
        struct frame *outermost = &frames[place->count - 1];

        take_symbol(module, address, outermost);
        outermost->offset += !place->exact;
        for (size_t i = 0; i + 1 < place->count; i++) {
            frames[i].object = outermost->object;
            frames[i].internal = outermost->internal || outermost->door;
        }
        take_signal(module, address, place, outermost);
    }
    place->frames = calloc(place->count, sizeof(*frames));
    if (place->frames == NULL)
        error(EXIT_FAILED, errno, "memory");
    memcpy(place->frames, frames, place->count * sizeof(*frames));
}

void image_hide_door(const struct place *place)
{
    place->frames[place->count - 1].internal = true;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *one = a, *other = b;

    if (one->pc != other->pc)
        return one->pc < other->pc ? -1 : 1;
    return one->exact - other->exact;
}

const struct place *image_place(uint64_t pc, bool exact)
{
    struct place wanted = { .pc = pc, .exact = exact }, *place;
    void *found = tfind(&wanted, &places, compare_places);

    if (found != NULL)
        return *(struct place **)found;
    place = calloc(1, sizeof(*place));
    if (place == NULL)
        error(EXIT_FAILED, errno, "memory");
    *place = wanted;
    look_up(place);
    if (tsearch(place, &places, compare_places) == NULL)
        error(EXIT_FAILED, errno, "memory");
    return place;
}
