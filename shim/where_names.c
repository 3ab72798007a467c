/* What return addresses are called. Lines come from elfutils' libdw, loaded on demand, and without debug
 * information the names of the symbol table; without it, dladdr names what the object exports. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/where_internal.h"

#define LIBRARY "libdw.so.1"

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char end[] __attribute__((visibility("hidden")));

static struct {
    __typeof__(&dwfl_begin) begin;
    __typeof__(&dwfl_linux_proc_report) report;
    __typeof__(&dwfl_report_end) report_end;
    __typeof__(&dwfl_end) end;
    __typeof__(&dwfl_addrmodule) module_at;
    __typeof__(&dwfl_module_getsrc) line_at;
    __typeof__(&dwfl_lineinfo) line_info;
    __typeof__(&dwfl_module_addrinfo) symbol_at;
    __typeof__(&dwfl_linux_proc_find_elf) find_object;
    bool loaded, missing;
} library;

#define FIND(field, name) (*(void **)&library.field = dlsym(object, #name)) != NULL

static bool load(void)
{
    void *object;

    if (__atomic_load_n(&library.loaded, __ATOMIC_ACQUIRE) || library.missing)
        return !library.missing;
    object = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL ||
        !(FIND(begin, dwfl_begin) && FIND(report, dwfl_linux_proc_report) &&
          FIND(report_end, dwfl_report_end) && FIND(end, dwfl_end) &&
          FIND(module_at, dwfl_addrmodule) && FIND(line_at, dwfl_module_getsrc) &&
          FIND(line_info, dwfl_lineinfo) && FIND(symbol_at, dwfl_module_addrinfo) &&
          FIND(find_object, dwfl_linux_proc_find_elf))) {
        library.missing = true;
        return false;
    }
    __atomic_store_n(&library.loaded, true, __ATOMIC_RELEASE);
    return true;
}

static int find_object(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                       char **file, Elf **elf)
{
    return library.find_object(module, data, name, base, file, elf);
}

/* None but the object's own: unpacking libc's would take a program's thread a third of a second, and
 * libdw's usual way may ask a server on the network. */
static int find_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                          const char *file, const char *link, GElf_Word crc, char **found)
{
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc,
        (void)found;
    return -1;
}

void where_names_open(struct where_names *names)
{
    static char *no_path;
    static const Dwfl_Callbacks callbacks = {
        .find_elf = find_object,
        .find_debuginfo = find_debuginfo,
        .debuginfo_path = &no_path,
    };
    Dwfl *dwfl = load() ? library.begin(&callbacks) : NULL;

    names->dwfl = dwfl;
    if (dwfl == NULL)
        return;
    if (library.report(dwfl, getpid()) != 0 || library.report_end(dwfl, NULL, NULL) != 0)
        where_names_close(names);
}

void where_names_close(struct where_names *names)
{
    if (names->dwfl != NULL)
        library.end(names->dwfl);
    names->dwfl = NULL;
}

/* "folder/file" of a path. */
static const char *short_path(const char *path)
{
    const char *slash = strrchr(path, '/');

    while (slash != NULL && slash > path && slash[-1] != '/')
        slash--;
    return slash != NULL && slash > path ? slash : path;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* By debug information, or else by the symbol table, which has functions that dladdr doesn't know. */
static size_t by_dwfl(Dwfl *dwfl, uint64_t address, uint64_t pc, char *out, size_t bytes)
{
    Dwfl_Module *module = library.module_at(dwfl, address);
    Dwfl_Line *line = module != NULL ? library.line_at(module, address) : NULL;
    const char *function = NULL, *file = NULL;
    int number = 0;
    GElf_Sym symbol;
    GElf_Off offset;
    Dl_info info;

    if (line != NULL)
        file = library.line_info(line, NULL, &number, NULL, NULL, NULL);
    if (module != NULL)
        function = library.symbol_at(module, address, &offset, &symbol, NULL, NULL, NULL);
    if (function == NULL)
        return 0;
    if (file != NULL)
        return (size_t)snprintf(out, bytes, "[%s %s|%d]", short_path(file), function, number);
    if (dladdr((void *)address, &info) == 0 || info.dli_fname == NULL)
        return 0;
    return (size_t)snprintf(out, bytes, "[%s %s+0x%lx]", file_name(info.dli_fname), function,
                            offset + (pc - address));
}

static size_t by_object(uint64_t address, uint64_t pc, bool ours, char *out, size_t bytes)
{
    Dl_info info;

    if (dladdr((void *)address, &info) == 0 || info.dli_fname == NULL)
        return (size_t)snprintf(out, bytes, "[0x%lx]", pc);
    if (info.dli_sname != NULL)
        return (size_t)snprintf(out, bytes, "[%s %s+0x%lx]", file_name(info.dli_fname),
                                info.dli_sname, pc - (uintptr_t)info.dli_saddr);
    if (ours)
        return 0;
    return (size_t)snprintf(out, bytes, "[%s+0x%lx]", file_name(info.dli_fname),
                            pc - (uintptr_t)info.dli_fbase);
}

size_t where_name(const struct where_names *names, uint64_t pc, bool exact, char *out, size_t bytes)
{
    uint64_t address = exact ? pc : pc - 1; /* within the call */
    bool ours = address >= (uintptr_t)__ehdr_start && address < (uintptr_t)end;
    size_t length = 0;

    if (names->dwfl != NULL && !ours)
        length = by_dwfl(names->dwfl, address, pc, out, bytes);
    return length > 0 ? length : by_object(address, pc, ours, out, bytes);
}
