/* libffi, loaded when it is first wanted: the preloaded object needs libc alone. */
#ifndef CORO_API_FFI_H
#define CORO_API_FFI_H

#include <ffi.h>

struct api_ffi {
    ffi_status (*prep_cif)(ffi_cif *, ffi_abi, unsigned, ffi_type *, ffi_type **);
    void (*call)(ffi_cif *, void (*)(void), void *, void **);
};

/* NULL: it can't be loaded; the log has said so. */
const struct api_ffi *api_ffi(void);

/* libffi's type for a letter of a signature, or NULL. After api_ffi has succeeded. */
ffi_type *api_ffi_type(char letter);

#endif
