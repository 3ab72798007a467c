/* Symbol doors of pthreads: the fast ways, and those that know names.
 *
 * Locks keep glibc's layout and protocol to the letter (struct __pthread_mutex_s: lock word 0 free,
 * 1 taken, 2 taken with waiters; owner tid; count of users), because libc's own code uses the same
 * objects. With one carrier an un-prefixed cmpxchg is atomic against everything that can come
 * between: preemption is a signal on the same kernel thread. Only the uncontended case of private
 * normal and recursive mutexes is answered here, and readers beside readers at a private read-write lock; the
 * rest is NPTL's, over our futexes. */
#include "interpose/cancel.h"
#include "interpose/doors.h"
#include "interpose/doors_pthread.h"
#include "runtime/lock_site.h"
#include "shim/conf.h"

#define NAMED(ret, name, ...)                                                                      \
    EXPORT ret door_##name(__VA_ARGS__) __asm__(#name);                                            \
    ret door_##name(__VA_ARGS__)

struct nptl_mutex { /* struct __pthread_mutex_s, bits/struct_mutex.h */
    int lock;
    unsigned count;
    int owner;
    unsigned users;
    int kind;
};

struct nptl doors_nptl;

#define KIND_NORMAL    0 /* PTHREAD_MUTEX_TIMED_NP, private, neither robust nor PI */
#define KIND_RECURSIVE 1
#define KIND_LEFT      (16 | 128) /* PTHREAD_MUTEX_ROBUST_NORMAL_NP, PTHREAD_MUTEX_PSHARED_BIT */

/* One instruction, so atomic on this kernel thread. */
static inline bool swap_if(int *word, int from, int to)
{
    bool done;
    __asm__ volatile("cmpxchgl %3, %1"
                     : "=@cce"(done), "+m"(*word), "+a"(from)
                     : "r"(to)
                     : "memory");
    return done;
}

/* Before the process's first thread a plain exchange will do, as in NPTL. */
static inline bool swap_word(int *word, int from, int to)
{
    if (runtime.mode != MODE_DORMANT)
        return swap_if(word, from, to);
    bool same = *word == from;
    if (same)
        *word = to;
    return same;
}

static inline int own_tid(void)
{
    int tid;
    __asm__("movl %%fs:(%1), %0" : "=r"(tid) : "r"((uintptr_t)doors_nptl.tid_offset));
    return tid;
}

/* One kernel thread runs all of the program's code: then the fast way is safe. */
static inline bool locks_are_fast(void)
{
    return runtime.locks_fast;
}

static struct co *co_of(uintptr_t thread)
{
    return doors_nptl.tid_offset && thread
               ? co_by_tid(*(const uint32_t *)(thread + doors_nptl.tid_offset))
               : NULL;
}

static inline struct co *hint(enum wait_kind kind, uintptr_t object)
{
    if (runtime.mode != MODE_ACTIVE || this_carrier()->guest)
        return NULL;
    struct co *co = this_co();
    co->hint_addr = object;
    co->hint_kind = kind;
    return co;
}

static inline void unhint(struct co *co)
{
    if (co)
        co->hint_kind = WAIT_NONE;
}

#define CALLER ((uintptr_t)__builtin_return_address(0))

/* For coroctl deadlock; with CORO_LOCK_SITES alone. */
static inline int taken(int error, const void *lock, enum wait_kind kind, uintptr_t pc)
{
    if (unlikely(conf.lock_sites) && (!error || error == EOWNERDEAD) && doors_nptl.tid_offset)
        lock_site_note((uintptr_t)lock, pc, (uint32_t)own_tid(), kind);
    return error;
}

static void leave(struct door *door)
{
    long ignored = 0;
    while (door_leave(door, &ignored))
        ;
}

/* What the kernel would mark if this process died: we have to, so we must learn of its death. */
static NOINLINE void note_robust(void)
{
    struct door door;
    if (!door_enter(&door, PLAIN))
        return;
    signal_watch_deaths();
    leave(&door);
}

static inline bool is_left_to_others(const struct nptl_mutex *mutex)
{
    return unlikely((mutex->kind & KIND_LEFT) == KIND_LEFT) && !runtime.watches_deaths;
}

static NOINLINE int lock_slowly(struct nptl_mutex *mutex, uintptr_t pc)
{
    if (is_left_to_others(mutex))
        note_robust();
    struct co *co = hint(WAIT_MUTEX, (uintptr_t)mutex);
    int error = ((int (*)(void *))REAL(pthread_mutex_lock))(mutex);
    unhint(co);
    return taken(error, mutex, WAIT_MUTEX, pc);
}

static inline bool lock_fast(struct nptl_mutex *mutex)
{
    if (mutex->kind == KIND_NORMAL) {
        if (!swap_word(&mutex->lock, 0, 1))
            return false;
        mutex->owner = own_tid();
    } else if (mutex->kind == KIND_RECURSIVE) {
        int tid = own_tid();
        if (mutex->owner == tid) {
            if (mutex->count + 1 == 0)
                return false;
            mutex->count++;
            return true;
        }
        if (!swap_word(&mutex->lock, 0, 1))
            return false;
        mutex->count = 1;
        mutex->owner = tid;
    } else {
        return false;
    }
    mutex->users++;
    return true;
}

NAMED(int, pthread_mutex_lock, struct nptl_mutex *mutex)
{
    return likely(locks_are_fast() && lock_fast(mutex)) ? 0 : lock_slowly(mutex, CALLER);
}

NAMED(int, pthread_mutex_trylock, struct nptl_mutex *mutex)
{
    if (likely(locks_are_fast() && lock_fast(mutex)))
        return 0;
    if (is_left_to_others(mutex))
        note_robust();
    return taken(((int (*)(void *))REAL(pthread_mutex_trylock))(mutex), mutex, WAIT_MUTEX, CALLER);
}

NAMED(int, pthread_mutex_timedlock, struct nptl_mutex *mutex, const void *deadline)
{
    if (is_left_to_others(mutex))
        note_robust();
    struct co *co = hint(WAIT_MUTEX, (uintptr_t)mutex);
    int error = ((int (*)(void *, const void *))REAL(pthread_mutex_timedlock))(mutex, deadline);
    unhint(co);
    return taken(error, mutex, WAIT_MUTEX, CALLER);
}

NAMED(int, pthread_mutex_clocklock, struct nptl_mutex *mutex, int clock, const void *deadline)
{
    if (is_left_to_others(mutex))
        note_robust();
    struct co *co = hint(WAIT_MUTEX, (uintptr_t)mutex);
    int error =
        ((int (*)(void *, int, const void *))REAL(pthread_mutex_clocklock))(mutex, clock, deadline);
    unhint(co);
    return taken(error, mutex, WAIT_MUTEX, CALLER);
}

/* The word changes from "taken" to "free" in one instruction, or there are waiters and NPTL wakes
 * one. The owner is cleared before, as NPTL does: after, the mutex may be somebody else's, or
 * gone. A preemption between the two finds a taken mutex without owner, as in NPTL. */
NAMED(int, pthread_mutex_unlock, struct nptl_mutex *mutex)
{
    if (likely(locks_are_fast() && mutex->lock == 1)) {
        if (mutex->kind == KIND_NORMAL) {
            int owner = mutex->owner;
            mutex->owner = 0;
            mutex->users--;
            if (likely(swap_word(&mutex->lock, 1, 0)))
                return 0;
            mutex->users++;
            mutex->owner = owner;
        } else if (mutex->kind == KIND_RECURSIVE && mutex->owner == own_tid() && mutex->count > 1) {
            mutex->count--;
            return 0;
        }
    }
    return ((int (*)(void *))REAL(pthread_mutex_unlock))(mutex);
}

/* The default version is that of glibc 2.3.2; the older one is for an older layout and stays libc's
 * (coroshim.map). */
NAMED(int, pthread_cond_wait, void *condition, void *mutex)
{
    struct co *co = hint(WAIT_COND, (uintptr_t)condition);
    int error = ((int (*)(void *, void *))REAL(pthread_cond_wait))(condition, mutex);
    unhint(co);
    return taken(error, mutex, WAIT_MUTEX, CALLER);
}

NAMED(int, pthread_cond_timedwait, void *condition, void *mutex, const void *deadline)
{
    struct co *co = hint(WAIT_COND, (uintptr_t)condition);
    int error = ((int (*)(void *, void *, const void *))REAL(pthread_cond_timedwait))(
        condition, mutex, deadline);
    unhint(co);
    taken(error == ETIMEDOUT ? 0 : error, mutex, WAIT_MUTEX, CALLER);
    return error;
}

/* Read-write locks and semaphores are libc's own, and what a thread waits for is told by the symbol; who
 * needn't wait, by the object's first word, is let through at once. */

struct nptl_rwlock {  /* struct __pthread_rwlock_arch_t, bits/struct_rwlock.h */
    unsigned readers; /* 8 for each; WRITERS; 4: readers wait */
    unsigned writers, phase_futex, writers_futex, pad[2];
    int writer;
    int shared;
};

#define ONE_READER   8U
#define WRITERS      3U /* PTHREAD_RWLOCK_WRPHASE, _WRLOCKED: they have the lock, or it is their turn */
#define READERS_MANY (1U << 31)

/* Among readers alone, without a writer that waits, the count is all that changes. */
static inline bool count_reader(struct nptl_rwlock *lock, unsigned least, unsigned change)
{
    unsigned readers = lock->readers;
    return locks_are_fast() && !(readers % ONE_READER) && readers >= least &&
           readers < READERS_MANY && !lock->shared &&
           swap_word((int *)&lock->readers, (int)readers, (int)(readers + change));
}

static NOINLINE int read_lock_slowly(struct nptl_rwlock *lock)
{
    bool waits = *(volatile unsigned *)&lock->readers & WRITERS;
    struct co *co = waits ? hint(WAIT_RWLOCK, (uintptr_t)lock) : NULL;
    int error = ((int (*)(void *))REAL(pthread_rwlock_rdlock))(lock);
    unhint(co);
    return error;
}

NAMED(int, pthread_rwlock_rdlock, struct nptl_rwlock *lock)
{
    return likely(count_reader(lock, 0, ONE_READER)) ? 0 : read_lock_slowly(lock);
}

/* Who has it for writing finds WRITERS set. */
NAMED(int, pthread_rwlock_unlock, struct nptl_rwlock *lock)
{
    if (likely(count_reader(lock, ONE_READER, -ONE_READER)))
        return 0;
    return ((int (*)(void *))REAL(pthread_rwlock_unlock))(lock);
}

static NOINLINE int write_lock_slowly(struct nptl_rwlock *lock, uintptr_t pc)
{
    struct co *co = hint(WAIT_RWLOCK, (uintptr_t)lock);
    int error = ((int (*)(const void *))REAL(pthread_rwlock_wrlock))(lock);
    unhint(co);
    return taken(error, lock, WAIT_RWLOCK, pc);
}

NAMED(int, pthread_rwlock_wrlock, struct nptl_rwlock *lock)
{
    if (likely(!*(volatile unsigned *)&lock->readers && !conf.lock_sites))
        return ((int (*)(const void *))REAL(pthread_rwlock_wrlock))(lock);
    return write_lock_slowly(lock, CALLER);
}

/* struct new_sem: the value. */
NAMED(int, sem_wait, const unsigned *semaphore)
{
    if (likely(*(const volatile unsigned *)semaphore))
        return ((int (*)(const void *))REAL(sem_wait))(semaphore);
    struct co *co = hint(WAIT_SEMAPHORE, (uintptr_t)semaphore);
    int error = ((int (*)(const void *))REAL(sem_wait))(semaphore);
    unhint(co);
    return error;
}

NAMED(int, pthread_create, void *thread, const void *attributes, void *(*start)(void *),
      void *argument)
{
    if (unlikely(runtime.objects_changed))
        doors_objects_changed();
    return ((int (*)(void *, const void *, void *(*)(void *), void *))REAL(pthread_create))(
        thread, attributes, start, argument);
}

NAMED(int, pthread_join, uintptr_t thread, void **value)
{
    struct co *co = hint(WAIT_JOIN, thread);
    int error = ((int (*)(uintptr_t, void **))REAL(pthread_join))(thread, value);
    unhint(co);
    return error;
}

/* libc marks the thread, and signals it only when it is in a call of libc's own. One that waits in
 * a door of ours leaves it and goes to libc's function, which sees the mark. The thread may end
 * between our two looks at it, and its struct pthread with it: we find it again by its tid. */
NAMED(int, pthread_cancel, uintptr_t thread)
{
    struct door door;
    struct co *co;
    uint32_t tid = 0;
    if (door_enter(&door, PLAIN)) {
        if ((co = co_of(thread))) {
            co->cancelled = true;
            tid = co->tid;
        }
        leave(&door);
    }
    int error = ((int (*)(uintptr_t))REAL(pthread_cancel))(thread);
    if (!error && runtime.mode != MODE_ACTIVE && op_hooks.cancelled)
        op_hooks.cancelled(thread);
    if (error || !tid || !door_enter(&door, PLAIN))
        return error;
    if ((co = co_by_tid(tid)))
        cancel_wake(co);
    leave(&door);
    return error;
}

NAMED(int, pthread_setname_np, uintptr_t thread, const char *name)
{
    struct co *co = runtime.mode == MODE_ACTIVE ? co_of(thread) : NULL;
    if (!co || co->is_main)
        return ((int (*)(uintptr_t, const char *))REAL(pthread_setname_np))(thread, name);
    if (strlen(name) >= sizeof(co->name))
        return ERANGE;
    text_copy(co->name, name, sizeof(co->name));
    return 0;
}

NAMED(int, pthread_getname_np, uintptr_t thread, char *name, size_t bytes)
{
    struct co *co = runtime.mode == MODE_ACTIVE ? co_of(thread) : NULL;
    if (!co)
        return ((int (*)(uintptr_t, char *, size_t))REAL(pthread_getname_np))(thread, name, bytes);
    if (bytes < sizeof(co->name))
        return ERANGE;
    text_copy(name, co->name, bytes);
    return 0;
}
