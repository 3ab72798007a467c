/* Calls of the program's functions that a request from outside asks for: by a thread made for each, as
 * libc makes all threads, and by libffi, since only the request says what the arguments are. libffi
 * is loaded for the first call, apart from the program's libraries, and stays. */
#define _GNU_SOURCE
#include "shim/call.h"

#include <dlfcn.h>
#include <errno.h>
#include <ffi.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct libffi {
    ffi_status (*prepare)(ffi_cif *, ffi_abi, unsigned, ffi_type *, ffi_type **);
    void (*call)(ffi_cif *, void (*)(void), void *, void **);
    ffi_type *types[CALL_TYPES];
};

static const char *const type_names[CALL_TYPES] = {
    [CALL_VOID] = "ffi_type_void",      [CALL_INT8] = "ffi_type_sint8",
    [CALL_UINT8] = "ffi_type_uint8",    [CALL_INT16] = "ffi_type_sint16",
    [CALL_UINT16] = "ffi_type_uint16",  [CALL_INT32] = "ffi_type_sint32",
    [CALL_UINT32] = "ffi_type_uint32",  [CALL_INT64] = "ffi_type_sint64",
    [CALL_UINT64] = "ffi_type_uint64",  [CALL_FLOAT] = "ffi_type_float",
    [CALL_DOUBLE] = "ffi_type_double",  [CALL_POINTER] = "ffi_type_pointer",
    [CALL_STRING] = "ffi_type_pointer",
};

static bool load_libffi(struct libffi *ffi)
{
    void *library = dlopen("libffi.so.8", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
    *(void **)&ffi->prepare = dlsym(library, "ffi_prep_cif");
    *(void **)&ffi->call = dlsym(library, "ffi_call");
    bool complete = ffi->prepare && ffi->call;
    for (size_t i = 0; i < CALL_TYPES; i++) {
        ffi->types[i] = dlsym(library, type_names[i]);
        complete = complete && ffi->types[i];
    }
    return complete;
}

static void *find_function(const struct call_info *call)
{
    void *object = call->object[0] ? dlopen(call->object, RTLD_LAZY | RTLD_NOLOAD) : RTLD_DEFAULT;
    void *function =
        call->name[0] && (object || !call->object[0]) ? dlsym(object, call->name) : NULL;

    if (object)
        dlclose(object);
    if (function)
        return function;
    function = (void *)call->address;
    if (function && call->flags & CALL_INDIRECT)
        function = ((void *(*)(void))function)();
    return function;
}

/* At the thread's end, also when the function doesn't return: pthread_exit, a cancellation. */
static void finish(void *argument)
{
    struct errand *errand = argument;

    errand_report(&errand->info);
    free(errand);
}

/* The strings are the function's to keep, so they are never freed. */
static int make_call(struct errand *errand)
{
    struct call_info *call = &errand->call;
    struct libffi ffi = { 0 };
    ffi_cif cif;
    ffi_type *types[CALL_ARGUMENTS_MAX];
    void *values[CALL_ARGUMENTS_MAX];
    uint64_t value[2] = { 0 }; /* libffi writes whole registers */
    if (!load_libffi(&ffi))
        return ELIBACC;
    void *function = find_function(call);
    if (!function)
        return ENOENT;
    for (size_t i = 0; i < call->count; i++) {
        types[i] = ffi.types[call->types[i]];
        values[i] = &call->values[i];
        if (call->types[i] == CALL_STRING)
            call->values[i] = (uint64_t)strdup(call->text + call->values[i]);
    }
    if (ffi.prepare(&cif, FFI_DEFAULT_ABI, call->count, ffi.types[call->returns], types) != FFI_OK)
        return EINVAL;
    errno = 0;
    ffi.call(&cif, (void (*)(void))function, value, values);
    errand->info.call_errno = errno;
    errand->info.value = value[0];
    return 0;
}

static pthread_key_t end_key; /* a thread's errand, so that its end is noticed */

static void *call_thread(void *argument)
{
    struct errand *errand = argument;

    errand_enter_call(errand->info.ticket);
    if (pthread_setspecific(end_key, errand) != 0) {
        errand->info.error = EAGAIN;
        finish(errand);
        return NULL;
    }
    errand->info.error = ECANCELED; /* unless it returns */
    errand->info.error = make_call(errand);
    return NULL;
}

int call_start(const struct errand *errand)
{
    pthread_attr_t attributes;
    pthread_t thread;
    static bool has_key;
    has_key = has_key || pthread_key_create(&end_key, finish) == 0;
    struct errand *copy = has_key ? malloc(sizeof(*copy)) : NULL;
    if (!copy)
        return EAGAIN;
    *copy = *errand;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attributes, call_thread, copy);
    pthread_attr_destroy(&attributes);
    if (error)
        free(copy);
    return error;
}
