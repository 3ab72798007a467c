/* The table's rows by name. What is read may be nonsense: each field is checked to lie within its structure. */
#include "tools/coroctl/layout.h"

#include <error.h>
#include <string.h>

#include "tools/coroctl/command.h"

#define FIELDS_MAX  1024
#define ROW_MAX     1024
#define RUNTIME_MAX (1U << 20) /* bytes of the runtime */

static const char *const field_names[FIELDS] = {
    "runtime.mode",
    "runtime.all",
    "runtime.coarse_ns",
    "runtime.selfishness",
    "runtime.carrier.kernel_tid",
    "co",
    "co.all",
    "co.id",
    "co.creator_id",
    "co.tid",
    "co.state",
    "co.name",
    "co.sp",
    "co.since_ns",
    "co.cpu_ns",
    "co.slices",
    "co.preemptions",
    "co.waits",
    "co.calls",
    "co.calls_before",
    "co.selfishness",
    "co.stack_base",
    "co.stack_bytes",
    "co.wait.kind",
    "co.wait.fd",
    "co.wait.count",
    "co.wait.tid",
    "co.wait.pid",
    "co.wait.nr",
    "co.wait.addr",
    "co.timer.deadline_ns",
    "co.timer.position",
    "runtime.unstarted",
    "unstarted",
    "unstarted.link",
    "unstarted.id",
    "unstarted.creator_id",
    "unstarted.since_ns",
    "unstarted.name",
    "switch",
    "switch.rbx",
    "switch.rbp",
    "switch.r12",
    "switch.r13",
    "switch.r14",
    "switch.r15",
    "switch.rip",
};

struct co_field layout[FIELDS];

static void take_field(const struct co_field *row)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (strncmp(row->name, field_names[i], sizeof(row->name)) == 0)
            layout[i] = *row;
}

static bool is_optional(enum field field)
{
    return field >= RUNTIME_UNSTARTED && field < SWITCH;
}

/* The bytes of the structure that @field is in. */
static size_t structure_bytes(enum field field)
{
    if (field < CO || field == RUNTIME_UNSTARTED)
        return RUNTIME_MAX;
    if (field == CO || field == UNSTARTED)
        return LAYOUT_CO_MAX;
    if (field >= SWITCH)
        return field == SWITCH ? LAYOUT_SWITCH_MAX : layout[SWITCH].bytes;
    return layout[field < UNSTARTED ? CO : UNSTARTED].bytes;
}

/* Whether all that is needed is there and within bounds. */
static bool fields_fit(void)
{
    for (enum field i = 0; i < FIELDS; i++) {
        size_t within = structure_bytes(i);

        if (layout[i].bytes == 0 && is_optional(i))
            continue;
        if (layout[i].bytes == 0 || layout[i].bytes > within ||
            layout[i].offset > within - layout[i].bytes)
            return false;
    }
    return true;
}

bool layout_has_unstarted(void)
{
    for (enum field i = RUNTIME_UNSTARTED; i < SWITCH; i++)
        if (layout[i].bytes == 0)
            return false;
    return true;
}

uint64_t layout_value(const unsigned char *copy, enum field field)
{
    uint64_t value = 0;
    size_t bytes = layout[field].bytes;

    memcpy(&value, copy + layout[field].offset, bytes < sizeof(value) ? bytes : sizeof(value));
    return value;
}

static int fail(const struct memory_kind *kind, const char *why)
{
    error(0, 0, "%s: %s", kind->what, why);
    return EXIT_PROTOCOL;
}

int layout_read(const struct memory_kind *kind, uint64_t note, uint64_t *runtime)
{
    struct co_layout head;
    int64_t distance;
    unsigned char row[ROW_MAX] = { 0 };
    uint64_t at;

    if (kind->read(note, &distance, sizeof(distance)) != sizeof(distance) ||
        kind->read(note + (uint64_t)distance, &head, sizeof(head)) != sizeof(head) ||
        head.magic != CO_LAYOUT_MAGIC)
        return fail(kind, "coroshim's memory can't be read");
    if (head.version != CO_LAYOUT_VERSION || head.field_count > FIELDS_MAX ||
        head.field_bytes < sizeof(struct co_field) || head.field_bytes > sizeof(row))
        return fail(kind, "another release of coroshim: use the coroctl that belongs to it");
    at = note + (uint64_t)distance + sizeof(head);
    for (uint32_t i = 0; i < head.field_count; i++, at += head.field_bytes) {
        if (kind->read(at, row, head.field_bytes) != head.field_bytes)
            return fail(kind, "coroshim's memory can't be read");
        take_field((const struct co_field *)row);
    }
    *runtime = (uint64_t)head.runtime;
    return fields_fit() ? EXIT_OK : fail(kind, "another release of coroshim");
}
