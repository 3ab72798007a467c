/* libc's own functions, behind ours. */
#include "interpose/doors.h"

#include "shim/gate/gate.h"

void *dlsym(void *handle, const char *name);
void *dlvsym(void *handle, const char *name, const char *version);
#define NEXT ((void *)-1L) /* RTLD_NEXT */

void *real_function[REAL_COUNT];

static const char *const name_of[REAL_COUNT] = {
#define GATE0(...)
#define GATE1(...)
#define GATE2(...)
#define GATE3(...)
#define GATE4(...)
#define GATE5(...)
#define GATE6(...)
#define CALL0(f, name, ...) #name,
#define CALL1(f, name, ...) #name,
#define CALL2(f, name, ...) #name,
#define CALL3(f, name, ...) #name,
#define CALL4(f, name, ...) #name,
#define CALL5(f, name, ...) #name,
#define CALL6(f, name, ...) #name,
#define DOOR(f, name)       #name,
#include "interpose/table.def"
#include "interpose/table_end.h"
};

/* The condition variable functions have an older version for an older layout, which a plain look-up
 * might find. */
void *real_lookup(enum real_index index)
{
    void *found = NULL;
    if (index == REAL_pthread_cond_wait || index == REAL_pthread_cond_timedwait)
        found = dlvsym(NEXT, name_of[index], "GLIBC_2.3.2");
    if (!found)
        found = dlsym(NEXT, name_of[index]);
    real_function[index] = found;
    return found;
}

void doors_resolve(void)
{
    for (int i = 0; i < REAL_COUNT; i++)
        real_lookup((enum real_index)i);
}

void doors_objects_changed(void)
{
    if (runtime.mode != MODE_ACTIVE)
        return; /* a forked child has no carrier; activate looks at all objects */
    struct carrier *carrier = this_carrier();
    if (carrier->guest)
        return;
    int *where = __errno_location(), error = *where;
    runtime.objects_changed = false;
    carrier->no_preempt = true;
    gate_refresh();
    carrier->no_preempt = false;
    *where = error;
}
