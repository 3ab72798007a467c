/* The list, guarded by all_lock as that of the coroutines is: the monitor walks both. Its hint is the last one
 * that a listing returned, so that paging through many is linear. */
#include "runtime/unstarted.h"

#include "runtime/runtime.h"

static struct unstarted *hint;

static struct unstarted *thread_of(struct list *node)
{
    return container_of(node, struct unstarted, link);
}

/* Ids grow, but one whose start has failed comes back. */
void unstarted_add(struct unstarted *thread)
{
    thread->since_ns = runtime.coarse_ns;
    spin_lock(&runtime.all_lock);
    struct list *place = runtime.unstarted.prev;
    while (place != &runtime.unstarted && thread_of(place)->id > thread->id)
        place = place->prev;
    list_push_front(place, &thread->link);
    spin_unlock(&runtime.all_lock);
}

void unstarted_remove(struct unstarted *thread)
{
    spin_lock(&runtime.all_lock);
    if (hint == thread)
        hint = NULL;
    list_remove(&thread->link);
    spin_unlock(&runtime.all_lock);
}

/* Those who made them may still remove them. */
void unstarted_reset(void)
{
    hint = NULL;
    while (list_pop(&runtime.unstarted))
        ;
}

struct list *unstarted_after(uint64_t after_id)
{
    struct list *node = hint && hint->id <= after_id ? &hint->link : runtime.unstarted.next;
    while (node != &runtime.unstarted && thread_of(node)->id <= after_id)
        node = node->next;
    return node;
}

void unstarted_describe(struct unstarted *thread, uint64_t now_ns, struct co_info *out)
{
    memset(out, 0, sizeof(*out));
    out->id = thread->id;
    out->creator_id = thread->creator_id;
    out->state = CO_NEW;
    out->wait_fd = -1;
    out->wait_nr = UINT32_MAX;
    out->wait_left_ns = UINT64_MAX;
    out->state_ns = now_ns > thread->since_ns ? now_ns - thread->since_ns : 0;
    memcpy(out->name, thread->name, sizeof(out->name));
    out->name[sizeof(out->name) - 1] = 0;
    hint = thread;
}
