/* The threads that coro_new made, from then until they are joined; and, as parents alone, others that
 * made some. One lock for all of them and for what hangs off them; nothing else is taken under it but a
 * thread's waiters' futexes, and nobody waits with it held. */
#ifndef CORO_API_REGISTRY_H
#define CORO_API_REGISTRY_H

#include "runtime/unstarted.h"
#include "shim/api/call.h"
#include "shim/api/wait.h"

enum api_thread_state {
    API_NEW,
    API_STARTING, /* made, but it has not run yet: its handle is not to be used */
    API_STARTED,
    API_ENDED,
    API_FOREIGN, /* not made here: somebody's parent */
};

struct api_thread {
    struct list all;             /* registry.threads, in the order of making */
    struct api_thread *next;     /* in its bucket */
    struct api_thread *parent;   /* NULL: gone */
    struct list children, among; /* the latter in the parent's children */
    coro_id id, parent_id;
    uint32_t child_count;
    enum api_thread_state state;
    bool returned, detached;
    bool joined;   /* somebody waits in a join */
    bool unwanted; /* shut down before it began */
    int error;     /* what coro_raise or coro_fail gave; 0: none */
    int tid;       /* gettid() there */
    bool has_handle;
    pthread_t handle; /* libc stores it before the thread runs */
    struct coro_call *call;
    struct unstarted unstarted; /* what observers see until it is started */
    struct list joiner;         /* api_waiter: the one in coro_join */
    char name[CORO_NAME_BYTES];
};

struct api_registry {
    pthread_mutex_t lock;
    struct list threads;
    struct api_thread **buckets;
    size_t bucket_count, count;
};

extern struct api_registry api_registry;

void api_registry_lock(void);
void api_registry_unlock(void);

/* All under the lock. */

struct api_thread *api_find(coro_id id);

/* A new record with a new id, whose parent is the calling thread; NULL: no memory. */
struct api_thread *api_thread_add(void);

/* Forgets it: its children have no parent any more. Frees it. */
void api_thread_remove(struct api_thread *thread);

/* The record of the calling thread, or NULL: it was not made here. */
struct api_thread *api_self(void);

/* Not under the lock. The tid of a thread that was made here; 0: unknown. */
uint32_t api_tid_of(coro_id id);

/* Not under the lock. The process gets its coroutines if it can: it might have had no thread so far. */
void api_bring_up(void);

/* In the child of a fork: sched.c. */
void api_forget_hooks(void);

/* Remembers natively who the calling thread is. */
void api_set_self(struct api_thread *thread);

#endif
