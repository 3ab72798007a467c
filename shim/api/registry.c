/* The registry of threads, see registry.h.
 *
 * Ids are the runtime's, so that coroctl and the API speak of the same threads; without coroutines they
 * are counted here, and a thread finds its own by a pthread key. */
#define _GNU_SOURCE
#include "shim/api/registry.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/api/mailbox.h"
#include "shim/api/park.h"

#define BUCKETS_AT_FIRST 64

struct api_registry api_registry = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .threads = { &api_registry.threads, &api_registry.threads },
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t own_id;
static coro_id last_id = 1; /* natively; 1 is the first thread */

/* In the child of a fork there is one thread, which knows nobody. */
static void forget_all(void)
{
    pthread_mutex_init(&api_registry.lock, NULL);
    list_init(&api_registry.threads);
    api_registry.buckets = NULL;
    api_registry.bucket_count = api_registry.count = 0;
    pthread_setspecific(own_id, (void *)1);
    api_forget_hooks();
}

static void thread_is_gone(void *id)
{
    mailbox_close((coro_id)(uintptr_t)id);
}

static void prepare(void)
{
    pthread_key_create(&own_id, thread_is_gone);
    pthread_atfork(NULL, NULL, forget_all);
}

void api_registry_lock(void)
{
    pthread_once(&once, prepare);
    pthread_mutex_lock(&api_registry.lock);
}

void api_registry_unlock(void)
{
    pthread_mutex_unlock(&api_registry.lock);
}

static void *end_at_once(void *argument)
{
    return argument;
}

void api_bring_up(void)
{
    pthread_t thread;
    if (api_is_dormant() && pthread_create(&thread, NULL, end_at_once, NULL) == 0)
        pthread_join(thread, NULL);
}

static struct api_thread **bucket_of(coro_id id)
{
    return &api_registry.buckets[id & (api_registry.bucket_count - 1)];
}

struct api_thread *api_find(coro_id id)
{
    struct api_thread *thread = api_registry.bucket_count ? *bucket_of(id) : NULL;
    while (thread && thread->id != id)
        thread = thread->next;
    return thread;
}

static bool make_room(void)
{
    struct api_registry *registry = &api_registry;
    struct list *node, *after;
    if (registry->count < registry->bucket_count)
        return true;
    size_t count = registry->bucket_count ? registry->bucket_count * 2 : BUCKETS_AT_FIRST;
    struct api_thread **buckets = calloc(count, sizeof(*buckets));
    if (!buckets)
        return false;
    free(registry->buckets);
    registry->buckets = buckets;
    registry->bucket_count = count;
    list_for_each (node, after, &registry->threads) {
        struct api_thread *thread = container_of(node, struct api_thread, all);
        thread->next = *bucket_of(thread->id);
        *bucket_of(thread->id) = thread;
    }
    return true;
}

static struct api_thread *add(coro_id id, enum api_thread_state state)
{
    struct api_thread *thread = make_room() ? calloc(1, sizeof(*thread)) : NULL;
    if (!thread)
        return NULL;
    thread->id = id;
    thread->state = state;
    list_init(&thread->children);
    list_init(&thread->among);
    list_init(&thread->joiner);
    list_init(&thread->unstarted.link);
    list_push(&api_registry.threads, &thread->all);
    thread->next = *bucket_of(id);
    *bucket_of(id) = thread;
    api_registry.count++;
    return thread;
}

struct api_thread *api_thread_add(void)
{
    coro_id own = coro_current();
    struct api_thread *parent = api_find(own);
    if (!parent)
        parent = add(own, API_FOREIGN);
    if (!parent)
        return NULL;
    coro_id id = api_new_id();
    struct api_thread *thread =
        add(id ? id : __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED), API_NEW);
    if (!thread)
        return NULL;
    thread->parent = parent;
    thread->parent_id = own;
    list_push(&parent->children, &thread->among);
    parent->child_count++;
    return thread;
}

static void unlink_thread(struct api_thread *thread)
{
    if (!list_empty(&thread->unstarted.link))
        api_hide_unstarted(&thread->unstarted);
    struct api_thread **at = bucket_of(thread->id);
    while (*at != thread)
        at = &(*at)->next;
    *at = thread->next;
    list_remove(&thread->all);
    api_registry.count--;
    struct list *node;
    while ((node = list_pop(&thread->children)))
        container_of(node, struct api_thread, among)->parent = NULL;
    api_call_free(thread->call);
    free(thread);
}

void api_thread_remove(struct api_thread *thread)
{
    struct api_thread *parent = thread->parent;
    if (parent) {
        list_remove(&thread->among);
        parent->child_count--;
        if (parent->state == API_FOREIGN && list_empty(&parent->children))
            unlink_thread(parent);
    }
    unlink_thread(thread);
}

struct api_thread *api_self(void)
{
    struct api_thread *thread = api_find(coro_current());
    return thread && thread->state != API_FOREIGN ? thread : NULL;
}

uint32_t api_tid_of(coro_id id)
{
    api_registry_lock();
    const struct api_thread *thread = api_find(id);
    uint32_t tid = !thread ? 0 : thread->tid ? (uint32_t)thread->tid : api_young_tid(id);
    api_registry_unlock();
    return tid;
}

void api_set_self(struct api_thread *thread)
{
    pthread_setspecific(own_id, (void *)(uintptr_t)thread->id);
}

/* Natively a thread that wasn't made here gets its number when it first asks. */
coro_id coro_current(void)
{
    coro_id id = api_own_id();
    if (id)
        return id;
    pthread_once(&once, prepare);
    id = (coro_id)(uintptr_t)pthread_getspecific(own_id);
    if (id)
        return id;
    id = gettid() == getpid() ? 1 : __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    pthread_setspecific(own_id, (void *)(uintptr_t)id);
    return id;
}
