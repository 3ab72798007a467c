/* The table of co_layout.h. */
#include "runtime/co_layout.h"

#include "runtime/runtime.h"
#include "runtime/unstarted.h"

#define FIELD(of, struct_name, member)                                                             \
    {                                                                                              \
        of #member, offsetof(struct struct_name, member),                                          \
            sizeof(((struct struct_name *)0)->member)                                              \
    }
#define RUNTIME(member)   FIELD("runtime.", runtime, member)
#define CO(member)        FIELD("co.", co, member)
#define UNSTARTED(member) FIELD("unstarted.", unstarted, member)
/* What context_switch (switch.S) pushes, word by word; MXCSR and the x87 control word are the first. */
#define SAVED(name, word)                                                                          \
    {                                                                                              \
        "switch." name, (word)*8, 8                                                                \
    }

/* clang-format off */
#define FIELDS                                                                                     \
    RUNTIME(mode), RUNTIME(all), RUNTIME(coarse_ns), RUNTIME(live), RUNTIME(pid),                  \
    RUNTIME(selfishness), RUNTIME(unstarted),                                                      \
    RUNTIME(carrier.current), RUNTIME(carrier.kernel_tid), RUNTIME(carrier.kthread.in_runtime),    \
    { "co", 0, sizeof(struct co) },                                                                \
    CO(all), CO(id), CO(creator_id), CO(tid), CO(state), CO(name), CO(sp), CO(fs_base),            \
    CO(since_ns), CO(cpu_ns), CO(slices), CO(preemptions), CO(stack_base), CO(stack_bytes),        \
    CO(waits), CO(calls), CO(calls_before), CO(selfishness),                                       \
    CO(wait.kind), CO(wait.fd), CO(wait.count), CO(wait.tid), CO(wait.pid), CO(wait.nr),           \
    CO(wait.addr), CO(timer.deadline_ns), CO(timer.position),                                      \
    { "unstarted", 0, sizeof(struct unstarted) },                                                  \
    UNSTARTED(link), UNSTARTED(id), UNSTARTED(creator_id), UNSTARTED(since_ns), UNSTARTED(name),   \
    { "switch", 0, 64 },                                                                           \
    SAVED("r15", 1), SAVED("r14", 2), SAVED("r13", 3), SAVED("r12", 4), SAVED("rbx", 5),           \
    SAVED("rbp", 6), SAVED("rip", 7)
/* clang-format on */

extern const struct co_layout co_layout; /* for the note, layout_note.S */

const struct co_layout co_layout = {
    .magic = CO_LAYOUT_MAGIC,
    .version = CO_LAYOUT_VERSION,
    .field_count = sizeof((struct co_field[]){ FIELDS }) / sizeof(struct co_field),
    .field_bytes = sizeof(struct co_field),
    .runtime = &runtime,
    .fields = { FIELDS },
};
