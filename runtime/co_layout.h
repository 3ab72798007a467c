/* Where the runtime's structures are in a process's memory, for those who read it without being
 * answered: coroctl about a stopped process or a core file, and gdb's plug-in.
 *
 * The object has a note, section .note.coroshim, owner "coroshim", type CO_LAYOUT_VERSION: eight bytes, the
 * distance from themselves to co_layout, signed. The table there names the fields that a reader
 * needs, so that one reader serves releases whose structures differ. Names are never given another
 * meaning; a reader that misses one does without it. */
#ifndef CORO_CO_LAYOUT_H
#define CORO_CO_LAYOUT_H

#include <stdint.h>

#define CO_LAYOUT_OWNER      "coroshim"
#define CO_LAYOUT_VERSION    1 /* of struct co_layout and co_field */
#define CO_LAYOUT_MAGIC      UINT32_C(0x4c4f4f43)
#define CO_LAYOUT_NAME_BYTES 40

/* A member "runtime.M" of the runtime, "co.M" of a coroutine or "unstarted.M" of a thread that was not
 * started; "co" and "unstarted" are the whole. "switch.R" is where a
 * thread that doesn't run has register R, from its co.sp upwards; when it goes on, the stack
 * pointer is co.sp and the bytes of "switch". */
struct co_field {
    char name[CO_LAYOUT_NAME_BYTES];
    uint32_t offset, bytes;
};

struct co_layout {
    uint32_t magic, version;
    uint32_t field_count, field_bytes;
    const void *runtime; /* struct runtime */
    struct co_field fields[];
};

#endif
