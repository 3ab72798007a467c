/* Operations of the C API alone. */
#include "interpose/api.h"

#include <linux/futex.h>

#include "interpose/op.h"
#include "runtime/snapshot.h"

long op_api_wake(uint32_t *word, bool first)
{
    if (!first || unlikely(runtime.guests))
        return op_futex(word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    struct co *co = futex_wake_next(word);
    if (co)
        sched_run_first(co);
    return co != NULL;
}

/* The carrier alone changes the list, so it may walk it without the lock. */
static struct co *find(uint64_t id)
{
    struct list *node = snapshot_after(id - 1);
    struct co *co = container_of(node, struct co, all);
    return id && node != &runtime.all && co->id == id && co->state != CO_DEAD ? co : NULL;
}

bool op_api_info(uint64_t id, struct co_info *info)
{
    const struct co *co = find(id);
    if (co)
        co_describe(co, clock_now(&runtime.clock), info);
    return co != NULL;
}

size_t op_api_ids(uint64_t after_id, uint64_t *ids, size_t max)
{
    size_t count = 0;
    struct list *node = snapshot_after(after_id);
    for (; node != &runtime.all && count < max; node = node->next) {
        const struct co *co = container_of(node, struct co, all);
        if (co->state != CO_DEAD)
            ids[count++] = co->id;
    }
    return count;
}

uint32_t op_api_selfishness(uint64_t id)
{
    const struct co *co = find(id);
    return co ? co->selfishness : 0;
}
