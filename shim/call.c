/* Calls of the program's functions that a request from outside asks for: by a thread made for each, as
 * libc makes all threads, and by libffi, since only the request says what the arguments are. */
#define _GNU_SOURCE
#include "shim/call.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim/api/ffi.h"

/* Letters of libffi's types (shim/api/ffi.h), by enum call_type. */
static const char letters[CALL_TYPES] = {
    [CALL_VOID] = 'v',   [CALL_INT8] = 'b',  [CALL_UINT8] = 'B',  [CALL_INT16] = 'h',
    [CALL_UINT16] = 'H', [CALL_INT32] = 'i', [CALL_UINT32] = 'I', [CALL_INT64] = 'l',
    [CALL_UINT64] = 'L', [CALL_FLOAT] = 'f', [CALL_DOUBLE] = 'd', [CALL_POINTER] = 'p',
    [CALL_STRING] = 'p',
};

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
    const struct api_ffi *ffi = api_ffi();
    ffi_cif cif;
    ffi_type *types[CALL_ARGUMENTS_MAX];
    void *values[CALL_ARGUMENTS_MAX];
    uint64_t value[2] = { 0 }; /* libffi writes whole registers */
    if (!ffi)
        return ELIBACC;
    void *function = find_function(call);
    if (!function)
        return ENOENT;
    for (size_t i = 0; i < call->count; i++) {
        types[i] = api_ffi_type(letters[call->types[i]]);
        values[i] = &call->values[i];
        if (call->types[i] == CALL_STRING)
            call->values[i] = (uint64_t)strdup(call->text + call->values[i]);
    }
    ffi_type *returns = api_ffi_type(letters[call->returns]);
    if (ffi->prep_cif(&cif, FFI_DEFAULT_ABI, call->count, returns, types) != FFI_OK)
        return EINVAL;
    errno = 0;
    ffi->call(&cif, (void (*)(void))function, value, values);
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
