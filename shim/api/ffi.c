/* libffi on demand. Two threads may load it at once: they find the same. */
#include "shim/api/ffi.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

#include "shim/log.h"

#define LIBRARY "libffi.so.8"

static const struct kind {
    char letter;
    const char *symbol;
} kinds[] = {
    { 'v', "ffi_type_void" },   { 'b', "ffi_type_sint8" },   { 'B', "ffi_type_uint8" },
    { 'h', "ffi_type_sint16" }, { 'H', "ffi_type_uint16" },  { 'i', "ffi_type_sint32" },
    { 'I', "ffi_type_uint32" }, { 'l', "ffi_type_sint64" },  { 'L', "ffi_type_uint64" },
    { 'q', "ffi_type_sint64" }, { 'Q', "ffi_type_uint64" },  { 'f', "ffi_type_float" },
    { 'd', "ffi_type_double" }, { 'p', "ffi_type_pointer" },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct api_ffi ffi;
static ffi_type *types[KINDS];
static bool loaded;

static bool load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool complete = library != NULL;
    if (library) {
        *(void **)&ffi.prep_cif = dlsym(library, "ffi_prep_cif");
        *(void **)&ffi.call = dlsym(library, "ffi_call");
        complete = ffi.prep_cif && ffi.call;
    }
    for (size_t i = 0; complete && i < KINDS; i++) {
        types[i] = dlsym(library, kinds[i].symbol);
        complete = types[i] != NULL;
    }
    return complete;
}

const struct api_ffi *api_ffi(void)
{
    static bool told;
    if (__atomic_load_n(&loaded, __ATOMIC_ACQUIRE))
        return &ffi;
    if (load()) {
        __atomic_store_n(&loaded, true, __ATOMIC_RELEASE);
        return &ffi;
    }
    if (!__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
        log_line(LOG_ERROR, "calls of functions with arguments need %s, which can't be loaded",
                 LIBRARY);
    return NULL;
}

ffi_type *api_ffi_type(char letter)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].letter == letter)
            return types[i];
    return NULL;
}
