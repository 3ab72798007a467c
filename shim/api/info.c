/* What is known of threads: see shim/coro/thread.h. The runtime knows those that run, the registry
 * those that have not begun or wait for a join, and families. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shim/api/park.h"
#include "shim/api/thread.h"

static enum coro_state state_of_record(const struct api_thread *thread)
{
    switch (thread->state) {
    case API_NEW:
        return CORO_STATE_NEW;
    case API_ENDED:
        return CORO_STATE_ENDED;
    case API_STARTING:
        return CORO_STATE_RUNNABLE;
    default: /* natively nobody tells more */
        return thread->id == coro_current() ? CORO_STATE_RUNNING : CORO_STATE_RUNNABLE;
    }
}

static enum coro_state state_of_co(uint32_t state)
{
    switch (state) {
    case CO_NEW:
        return CORO_STATE_NEW;
    case CO_RUNNING:
        return CORO_STATE_RUNNING;
    case CO_PARKED:
        return CORO_STATE_WAITING;
    case CO_DEAD:
        return CORO_STATE_ENDED;
    default:
        return CORO_STATE_RUNNABLE;
    }
}

static void fill_from_runtime(struct coro_info *info, const struct co_info *co)
{
    info->parent = co->creator_id;
    info->state = state_of_co(co->state);
    info->tid = (int32_t)co->tid;
    memcpy(info->name, co->name, sizeof(info->name));
    info->cpu_seconds = (double)co->cpu_ns / (double)NSEC_PER_SEC;
    info->state_seconds = (double)co->state_ns / (double)NSEC_PER_SEC;
    info->slices = co->slices;
    info->preemptions = co->preemptions;
    info->selfishness = api_selfishness(co->id);
}

/* Under the lock. */
static void fill_from_record(struct coro_info *info, const struct api_thread *thread)
{
    info->children = thread->child_count;
    if (thread->state == API_FOREIGN)
        return;
    bool ran = thread->state == API_STARTED;
    info->parent = thread->parent_id;
    if (!info->tid)
        info->tid = thread->tid;
    if (!ran || !info->slices)
        info->state = state_of_record(thread);
    if (!info->name[0] || !ran)
        memcpy(info->name, thread->name, sizeof(info->name));
}

int coro_by_id(coro_id id, struct coro_info *out)
{
    struct coro_info info = { .id = id };
    struct co_info co;
    if (!out || out->size < sizeof(uint64_t) || out->size > sizeof(info))
        return api_error(EINVAL);
    bool live = api_runtime_info(id, &co);
    if (live)
        fill_from_runtime(&info, &co);
    api_registry_lock();
    const struct api_thread *thread = api_find(id);
    if (thread)
        fill_from_record(&info, thread);
    api_registry_unlock();
    bool own = id == coro_current();
    if (own && !live)
        info.state = CORO_STATE_RUNNING;
    if (!live && !own && (!thread || thread->state == API_FOREIGN))
        return api_error(ESRCH);
    info.size = out->size;
    memcpy(out, &info, out->size);
    return 0;
}

coro_id coro_parent(coro_id id)
{
    struct coro_info info = { .size = sizeof(info) };
    return coro_by_id(id, &info) == 0 ? info.parent : 0;
}

ssize_t coro_children(coro_id id, coro_id *ids, size_t room)
{
    struct coro_info info = { .size = sizeof(info) };
    struct list *node, *after;
    size_t count = 0;
    if (coro_by_id(id, &info) != 0)
        return -1;
    api_registry_lock();
    struct api_thread *thread = api_find(id);
    if (thread) {
        list_for_each (node, after, &thread->children) {
            if (count < room)
                ids[count] = container_of(node, struct api_thread, among)->id;
            count++;
        }
    }
    api_registry_unlock();
    return (ssize_t)count;
}

struct id_list {
    coro_id *ids;
    size_t count, room;
};

static bool add_id(struct id_list *list, coro_id id)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        coro_id *ids = realloc(list->ids, room * sizeof(*ids));
        if (!ids)
            return false;
        list->ids = ids;
        list->room = room;
    }
    list->ids[list->count++] = id;
    return true;
}

static bool add_runtime(struct id_list *list)
{
    coro_id some[64], last = 0;
    size_t count;
    while ((count = api_runtime_ids(last, some, ARRAY_SIZE(some)))) {
        for (size_t i = 0; i < count; i++)
            if (!add_id(list, some[i]))
                return false;
        last = some[count - 1];
    }
    return true;
}

static bool add_registry(struct id_list *list)
{
    struct list *node, *after;
    bool complete = true;
    api_registry_lock();
    list_for_each (node, after, &api_registry.threads) {
        const struct api_thread *thread = container_of(node, struct api_thread, all);
        if (thread->state != API_FOREIGN)
            complete = complete && add_id(list, thread->id);
    }
    api_registry_unlock();
    return complete;
}

static int compare(const void *a, const void *b)
{
    coro_id x = *(const coro_id *)a, y = *(const coro_id *)b;
    return (x > y) - (x < y);
}

ssize_t coro_all(coro_id *ids, size_t room)
{
    struct id_list list = { 0 };
    size_t count = 0;
    if (!add_id(&list, coro_current()) || !add_runtime(&list) || !add_registry(&list)) {
        free(list.ids);
        return api_error(ENOMEM);
    }
    qsort(list.ids, list.count, sizeof(*list.ids), compare);
    for (size_t i = 0; i < list.count; i++) {
        if (i && list.ids[i] == list.ids[i - 1])
            continue;
        if (count < room)
            ids[count] = list.ids[i];
        count++;
    }
    free(list.ids);
    return (ssize_t)count;
}
