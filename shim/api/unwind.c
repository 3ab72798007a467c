/* Unwinding through the API's own frames.
 *
 * Waits have cleanup handlers, for which the compiler asks for a personality routine and a way to resume. They
 * are libgcc_s's, which the object must not need: by the time that a frame of ours is unwound, whoever
 * unwinds has loaded it. */
#include "shim/api/unwind.h"

#include <dlfcn.h>
#include <stdlib.h>

void *api_libgcc(const char *name)
{
    static void *library;
    void *opened = __atomic_load_n(&library, __ATOMIC_ACQUIRE);
    if (!opened) {
        opened = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
        __atomic_store_n(&library, opened, __ATOMIC_RELEASE);
    }
    return opened ? dlsym(opened, name) : NULL;
}

#define HIDDEN __attribute__((visibility("hidden")))

typedef _Unwind_Reason_Code personality(int, _Unwind_Action, _Unwind_Exception_Class,
                                        struct _Unwind_Exception *, struct _Unwind_Context *);

HIDDEN personality __gcc_personality_v0;
_Unwind_Reason_Code __gcc_personality_v0(int version, _Unwind_Action actions,
                                         _Unwind_Exception_Class class,
                                         struct _Unwind_Exception *exception,
                                         struct _Unwind_Context *context)
{
    personality *real = (personality *)api_libgcc("__gcc_personality_v0");
    return real ? real(version, actions, class, exception, context) : _URC_CONTINUE_UNWIND;
}

/* By another name, since the header declares the real one visible. */
HIDDEN void api_resume(struct _Unwind_Exception *exception) __asm__("_Unwind_Resume");
void api_resume(struct _Unwind_Exception *exception)
{
    void (*real)(struct _Unwind_Exception *) =
        (void (*)(struct _Unwind_Exception *))api_libgcc("_Unwind_Resume");
    if (real)
        real(exception);
    abort();
}
