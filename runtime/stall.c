/* Who waits for the carrier while nothing switches? The run queue has those that were woken before. Others
 * would be there if the loop had had a chance: those whose deadline has passed, and those whose descriptors
 * are ready. The timers' heap is the carrier's, so the former are counted from the list of all threads, as
 * many as can be looked at in a moment. Of the latter the poll set knows, and to ask it is to take its events
 * away. So the count is a least one. */
#include "runtime/stall.h"

#include "runtime/report.h"
#include "runtime/snapshot.h"
#include "shim/log.h"

#define AT_A_TIME 256U
#define LOOKED_AT 65536U

static struct {
    struct log_limit limit;
    uint64_t id, since_ns; /* of the one that was told and goes on; id 0: none */
    char name[CO_NAME_BYTES];
} stall;

static uint32_t count_due(uint64_t now_ns)
{
    uint64_t after_id = 0;
    uint32_t due = 0;
    bool end = false;
    for (uint32_t looked_at = 0; !end && looked_at < LOOKED_AT; looked_at += AT_A_TIME) {
        uint32_t count = 0;
        spin_lock(&runtime.all_lock);
        struct list *node = snapshot_after(after_id);
        for (; node != &runtime.all && count < AT_A_TIME; node = node->next, count++) {
            struct co *co = container_of(node, struct co, all);
            due += co->state == CO_PARKED && co->timer.position && co->timer.deadline_ns <= now_ns;
            after_id = co->id;
            runtime.snapshot_hint = co;
        }
        end = node == &runtime.all;
        spin_unlock(&runtime.all_lock);
    }
    return due;
}

static const char *name_or(const char *name)
{
    return name[0] ? name : "unnamed";
}

void stall_tell(const struct co *co, uint64_t since_ns, uint64_t now_ns)
{
    char waiting[48] = "nobody known to wait", more[64] = "";
    uint32_t unsaid, count;
    if (!log_limit_lets(&stall.limit, now_ns, &unsaid))
        return;
    count = runtime.carrier.run_queue_length + count_due(now_ns);
    if (count)
        format_text(waiting, sizeof(waiting), "at least %u waiting", count);
    if (unsaid)
        format_text(more, sizeof(more), ", %u more such since the last line", unsaid);
    stall.id = co->id;
    stall.since_ns = since_ns;
    memcpy(stall.name, co->name, sizeof(stall.name));
    log_line(LOG_WARN, "thread %lu (%s) has held the carrier for %lu ms, %s%s", stall.id,
             name_or(stall.name), (now_ns - since_ns) / NSEC_PER_MSEC, waiting, more);
    report_stall(stall.id);
}

void stall_over(uint64_t now_ns)
{
    uint64_t tenths = (now_ns - stall.since_ns) / (NSEC_PER_SEC / 10);
    if (likely(!stall.id))
        return;
    log_line(LOG_WARN, "thread %lu (%s) let the carrier go after %lu.%lu s", stall.id,
             name_or(stall.name), tenths / 10, tenths % 10);
    stall.id = 0;
}

void stall_reset(void)
{
    stall.id = 0;
    stall.limit = (struct log_limit){ 0 };
}
