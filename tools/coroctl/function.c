/* Which function a name means. As for the program's own calls, an object's exported symbols come before
 * those of the objects after it: so the process itself looks an exported name up, which also chooses
 * among versions. A static function is found by its address, and must be the only one of its name. */
#include "tools/coroctl/function.h"

#include <elfutils/libdwfl.h>
#include <error.h>
#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/image.h"

#define CANDIDATES_MAX 32
#define OWN_OBJECT     "libcoroshim.so"

struct candidate {
    Dwfl_Module *module;
    const char *path, *object; /* of the module; object is without its folder */
    uint64_t address;
    bool is_global, is_indirect;
    char linkage_name[CALL_NAME_BYTES];
};

struct search {
    const struct expression *wanted;
    size_t count;
    struct candidate found[CANDIDATES_MAX];
};

static const char *without_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* "libc" and "libc.so.6" both mean libc.so.6. */
static bool is_object(const char *object, const char *wanted)
{
    size_t length = strlen(wanted);

    return strncmp(object, wanted, length) == 0 &&
           (object[length] == '\0' || strncmp(object + length, ".so", 3) == 0);
}

/* Plainly, without its version, or demangled without its parameters. */
static bool is_name(const char *symbol, const char *wanted)
{
    size_t length = strlen(wanted);
    char *demangled;
    bool same;

    if (strncmp(symbol, wanted, length) == 0 && (symbol[length] == '\0' || symbol[length] == '@'))
        return true;
    if (symbol[0] != '_' || strstr(wanted, "::") == NULL)
        return false;
    demangled = cplus_demangle(symbol, DMGL_AUTO);
    same = demangled != NULL && strcmp(demangled, wanted) == 0;
    free(demangled);
    return same;
}

static void add(struct search *search, const struct candidate *candidate)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->found[i].address != candidate->address)
            continue;
        search->found[i].is_global = search->found[i].is_global || candidate->is_global;
        return;
    }
    if (search->count < CANDIDATES_MAX)
        search->found[search->count++] = *candidate;
}

static int search_module(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr start,
                         void *argument)
{
    struct search *search = argument;
    const struct expression *wanted = search->wanted;
    const char *path;
    int symbols = dwfl_module_getsymtab(module);

    (void)data, (void)start;
    dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &path, NULL);
    path = path != NULL ? path : name;
    if (wanted->object[0] != '\0' ? !is_object(without_folder(path), wanted->object)
                                  : strcmp(without_folder(path), OWN_OBJECT) == 0)
        return DWARF_CB_OK;
    for (int i = 1; i < symbols; i++) {
        struct candidate candidate = { .module = module, .path = path };
        GElf_Word section;
        GElf_Sym symbol;
        const char *text =
            dwfl_module_getsym_info(module, i, &symbol, &candidate.address, &section, NULL, NULL);
        int type = GELF_ST_TYPE(symbol.st_info);

        if (text == NULL || section == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC) ||
            !is_name(text, wanted->name))
            continue;
        candidate.object = without_folder(path);
        candidate.is_global = GELF_ST_BIND(symbol.st_info) != STB_LOCAL;
        candidate.is_indirect = type == STT_GNU_IFUNC;
        snprintf(candidate.linkage_name, sizeof(candidate.linkage_name), "%.*s",
                 (int)strcspn(text, "@"), text);
        add(search, &candidate);
    }
    return DWARF_CB_OK;
}

static bool is_program(pid_t pid, const struct candidate *candidate)
{
    char link[32], target[CALL_OBJECT_BYTES];
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
    length = readlink(link, target, sizeof(target) - 1);
    target[length > 0 ? length : 0] = '\0';
    return strcmp(target, candidate->path) == 0;
}

static int explain(const struct search *search)
{
    const struct expression *wanted = search->wanted;

    if (search->count == 0) {
        error(0, 0, "no function %s in %s", wanted->name,
              wanted->object[0] != '\0' ? wanted->object : "the program and its libraries");
        return EXIT_FAILED;
    }
    error(0, 0, "which %s? Name one of these by object or address:", wanted->name);
    for (size_t i = 0; i < search->count; i++)
        fprintf(stderr, "  %s:%s  0x%lx\n", search->found[i].object, wanted->name,
                search->found[i].address);
    return EXIT_USAGE;
}

/* The one that is meant, or NULL: several may be. Sets @by_name when the process is to choose. */
static const struct candidate *choose(pid_t pid, const struct search *search, bool *by_name)
{
    const struct candidate *global = NULL;

    *by_name = false;
    for (size_t i = 0; i < search->count; i++) {
        const struct candidate *candidate = &search->found[i];

        if (candidate->is_global && is_program(pid, candidate))
            return candidate;
        if (candidate->is_global && global == NULL)
            global = candidate;
    }
    *by_name = global != NULL;
    if (global != NULL)
        return global;
    return search->count == 1 ? &search->found[0] : NULL;
}

int function_find(pid_t pid, const struct expression *expression, struct call_info *call,
                  struct signature *signature)
{
    struct search search = { .wanted = expression };
    const struct candidate *chosen;
    bool by_name;

    *signature = (struct signature){ .returns = TYPE_UNKNOWN };
    if (expression->address != 0) {
        Dwfl_Module *module = dwfl_addrmodule(image_dwfl(), expression->address);

        call->address = expression->address;
        if (module != NULL)
            signature_find(module, expression->address, signature);
        return EXIT_OK;
    }
    dwfl_getmodules(image_dwfl(), search_module, &search, 0);
    chosen = choose(pid, &search, &by_name);
    if (chosen == NULL)
        return explain(&search);
    if (!by_name || search.count == 1) {
        call->address = chosen->address;
        call->flags = chosen->is_indirect ? CALL_INDIRECT : 0;
    }
    if (by_name) {
        snprintf(call->name, sizeof(call->name), "%s", chosen->linkage_name);
        if (expression->object[0] != '\0')
            snprintf(call->object, sizeof(call->object), "%s", chosen->path);
    }
    signature_find(chosen->module, chosen->address, signature);
    return EXIT_OK;
}
