/* What make rows adds to the library: a record of the rows of interpose/table.def that were entered,
 * by which door, while the process was active. The first entry of each in a process appends a line,
 * "gate NAME" or "door NAME", to the file that COROSHIM_SEEN names; NAME is the row's.
 *
 * The gate calls seen_by_gate; the doors are compiled with -finstrument-functions. Raw system calls:
 * either may be inside of any libc function. */
#include "interpose/seen.h"
#include "interpose/doors.h"
#include "shim/log.h"

#include <linux/fcntl.h>

#define UNSEEN __attribute__((no_instrument_function))

char *getenv(const char *name);

static const char *path;
static bool seen_gate[512], seen_door[REAL_COUNT];

__attribute__((constructor)) UNSEEN static void seen_start(void)
{
    path = getenv("COROSHIM_SEEN");
}

UNSEEN static void append(const char *door, const char *name)
{
    char line[64];
    size_t length = format_text(line, sizeof(line), "%s %s\n", door, name);
    long fd = sys3(__NR_open, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    sys3(__NR_write, fd, line, length);
    sys1(__NR_close, fd);
}

static const char *const gate_names[512] = {
#define ROW(family, name, ...) [__NR_##name] = #name,
#define CALL0                  ROW
#define CALL1                  ROW
#define CALL2                  ROW
#define CALL3                  ROW
#define CALL4                  ROW
#define CALL5                  ROW
#define CALL6                  ROW
#define GATE0                  ROW
#define GATE1                  ROW
#define GATE2                  ROW
#define GATE3                  ROW
#define GATE4                  ROW
#define GATE5                  ROW
#define GATE6                  ROW
#define DOOR(family, name)
#include "interpose/table.def"
#include "interpose/table_end.h"
#undef ROW
};

UNSEEN void seen_by_gate(uint64_t nr)
{
    if (!path || nr >= ARRAY_SIZE(gate_names) || !gate_names[nr] || seen_gate[nr])
        return;
    seen_gate[nr] = true;
    append("gate", gate_names[nr]);
}

#define GATE0(...)
#define GATE1(...)
#define GATE2(...)
#define GATE3(...)
#define GATE4(...)
#define GATE5(...)
#define GATE6(...)
#define ROW(family, name, ...) extern char address_of_##name[] __asm__(#name);
#define CALL0                  ROW
#define CALL1                  ROW
#define CALL2                  ROW
#define CALL3                  ROW
#define CALL4                  ROW
#define CALL5                  ROW
#define CALL6                  ROW
#define DOOR                   ROW
#include "interpose/table.def"
#include "interpose/table_end.h"
#undef ROW

static const struct {
    const void *function;
    const char *name;
} doors[REAL_COUNT] = {
#define GATE0(...)
#define GATE1(...)
#define GATE2(...)
#define GATE3(...)
#define GATE4(...)
#define GATE5(...)
#define GATE6(...)
#define ROW(family, name, ...) { address_of_##name, #name },
#define CALL0                  ROW
#define CALL1                  ROW
#define CALL2                  ROW
#define CALL3                  ROW
#define CALL4                  ROW
#define CALL5                  ROW
#define CALL6                  ROW
#define DOOR                   ROW
#include "interpose/table.def"
#include "interpose/table_end.h"
#undef ROW
};

UNSEEN void __cyg_profile_func_enter(void *function, void *site);
UNSEEN void __cyg_profile_func_exit(void *function, void *site);

void __cyg_profile_func_enter(void *function, void *site)
{
    (void)site;
    if (!path || runtime.mode != MODE_ACTIVE)
        return;
    for (int i = 0; i < REAL_COUNT; i++) {
        if (doors[i].function != function || seen_door[i])
            continue;
        seen_door[i] = true;
        append("door", doors[i].name);
    }
}

void __cyg_profile_func_exit(void *function, void *site)
{
    (void)function, (void)site;
}
