/* Meetings: exclusion, waiting and waking for the objects of the C API.
 *
 * While threads are coroutines, a visit is a stay in the runtime: nothing else runs, so there is no
 * lock, and a wait is a park. Dormant or native, the meeting has a lock of its own and a wait is a
 * futex(2) on a word of the waiter's. A meeting without waiters passes from one to the other as it is:
 * at activation there is one thread.
 *
 * Without the runtime, pthread_cancel must find who waits: `parked` lists them, under its lock, which
 * is taken with no other held, and by a waker not at all.
 *
 * A coroutine that was woken does not touch the meeting again, which may be freed. A thread that was
 * woken in the kernel takes the lock once more: meeting_end waits for it. Its waiter is done when its
 * word says so: the kernel is then asked to wake an address, no more.
 *
 * The child of a fork has none of the threads that waited. Meetings learn it from `generation`, at the
 * next visit. What a thread was changing at the moment of the fork stays half changed, as a mutex of
 * its would stay locked; that takes kernel threads: a coroutine's visit is never interrupted. */
#include "shim/api/meeting.h"

#include <linux/futex.h>

#include "interpose/cancel.h"
#include "interpose/doors.h"
#include "shim/api/park.h"

enum { WAITING = 0, DONE = MEETING_DONE, CANCELLED = 2 };

enum { FREE = 0, TAKEN = 1, CONTENDED = 2 };

/* A thread that waits in the kernel. */
struct parked {
    struct list link;
    uintptr_t thread;
    struct waiter *waiter;
};

static struct {
    uint32_t lock;
    struct list threads;
} parked = { .threads = { &parked.threads, &parked.threads } };

static uint32_t generation;

/* libc's; its headers and the kernel's don't go together. */
int pthread_setcanceltype(int type, int *old);
uintptr_t pthread_self(void);

static void lock_slowly(uint32_t *lock)
{
    while (__atomic_exchange_n(lock, CONTENDED, __ATOMIC_ACQUIRE) != FREE)
        sys4(__NR_futex, lock, FUTEX_WAIT_PRIVATE, CONTENDED, NULL);
}

static void lock(uint32_t *lock)
{
    uint32_t expected = FREE;
    if (!__atomic_compare_exchange_n(lock, &expected, TAKEN, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        lock_slowly(lock);
}

static void unlock(uint32_t *lock)
{
    if (__atomic_exchange_n(lock, FREE, __ATOMIC_RELEASE) == CONTENDED)
        sys3(__NR_futex, lock, FUTEX_WAKE_PRIVATE, 1);
}

static void forget_waiters(struct meeting *meeting)
{
    for (int side = 0; side < SIDES; side++) {
        list_init(&meeting->waiting[side]);
        meeting->count[side] = 0;
    }
    __atomic_store_n(&meeting->generation, generation, __ATOMIC_RELEASE);
}

void meeting_init(struct meeting *meeting, enum wait_kind kind)
{
    meeting->kind = kind;
    meeting->lock = FREE;
    meeting->tickets = 0;
    meeting->present = 0;
    forget_waiters(meeting);
}

void meeting_after_fork(void)
{
    generation++;
    parked.lock = FREE;
    list_init(&parked.threads);
}

/* The first visit since a fork. In the runtime, or with `parked` locked. */
static void renew(struct meeting *meeting)
{
    meeting->lock = FREE;
    meeting->present = 0;
    forget_waiters(meeting);
}

static COLD void renew_locked(struct meeting *meeting)
{
    lock(&parked.lock);
    if (meeting->generation != generation)
        renew(meeting);
    unlock(&parked.lock);
}

static inline void lock_meeting(struct meeting *meeting)
{
    if (unlikely(__atomic_load_n(&meeting->generation, __ATOMIC_ACQUIRE) != generation))
        renew_locked(meeting);
    lock(&meeting->lock);
}

int meeting_return(struct visit *visit)
{
    struct door door;
    visit->co = NULL;
    if (unlikely(runtime.mode != MODE_ACTIVE)) {
        lock_meeting(visit->meeting);
        return 0;
    }
    if (!door_enter(&door, PLAIN))
        return -ENOTSUP;
    visit->co = door.co;
    if (unlikely(visit->meeting->generation != generation))
        renew(visit->meeting);
    return 0;
}

int meeting_enter(struct visit *visit, struct meeting *meeting, int64_t timeout_ns)
{
    visit->meeting = meeting;
    visit->timeout_ns = timeout_ns;
    visit->deadline_ns = 0;
    visit->deaf = false;
    return meeting_return(visit);
}

void meeting_within(struct visit *visit, struct meeting *meeting)
{
    *visit = (struct visit){ .meeting = meeting, .co = this_co() };
    if (unlikely(meeting->generation != generation))
        renew(meeting);
}

void meeting_move(struct visit *visit, struct meeting *meeting)
{
    if (!visit->co) {
        unlock(&visit->meeting->lock);
        lock_meeting(meeting);
    } else if (unlikely(meeting->generation != generation)) {
        renew(meeting);
    }
    visit->meeting = meeting;
}

static void leave_runtime(struct co *co)
{
    long result = 0;
    while (op_finish(this_carrier(), co, &result))
        ;
}

void meeting_leave(struct visit *visit)
{
    if (likely(visit->co))
        leave_runtime(visit->co);
    else
        unlock(&visit->meeting->lock);
}

/* ---- waiting ---- */

/* Behind all; one that comes back, where it was. */
static void queue(struct meeting *meeting, enum side side, struct waiter *waiter)
{
    uint64_t ticket = meeting_ticket(meeting, waiter);
    struct list *head = &meeting->waiting[side], *place = head->prev;
    while (place != head && container_of(place, struct waiter, link)->ticket > ticket)
        place = place->prev;
    list_push_front(place, &waiter->link);
    waiter->side = (uint8_t)side;
    meeting->count[side]++;
}

static void unqueue(struct meeting *meeting, struct waiter *waiter)
{
    list_remove(&waiter->link);
    meeting->count[waiter->side]--;
}

void meeting_shift(struct meeting *meeting, struct waiter *waiter, enum side side)
{
    unqueue(meeting, waiter);
    queue(meeting, side, waiter);
}

uint64_t meeting_deadline(double seconds)
{
    int64_t timeout;
    meeting_timeout(seconds, &timeout);
    return timeout < 0 ? DEADLINE_NEVER
                       : deadline_after(clock_now(&runtime.clock), (uint64_t)timeout);
}

double meeting_seconds_until(uint64_t deadline_ns)
{
    uint64_t now = clock_now(&runtime.clock);
    if (deadline_ns == DEADLINE_NEVER)
        return __builtin_inf();
    return deadline_ns > now ? (double)(deadline_ns - now) / (double)NSEC_PER_SEC : 0;
}

static void set_deadline(struct visit *visit)
{
    if (visit->deadline_ns)
        return;
    visit->deadline_ns = DEADLINE_NEVER;
    if (visit->timeout_ns >= 0)
        visit->deadline_ns = deadline_after(clock_now(&runtime.clock), (uint64_t)visit->timeout_ns);
}

/* The visit was left to act upon a cancellation, which may turn out not to be due. */
static int act_on_cancel(struct visit *visit)
{
    int error = api_leave();
    if (error)
        return -error;
    visit->deaf = !cancel_word_offset; /* nobody can tell whether it is due */
    error = meeting_return(visit);
    return error ? error : MEETING_AGAIN;
}

/* A handler that unwinds the stack takes the waiter with it. */
static void unwound(struct visit **visit)
{
    struct waiter *waiter = *visit ? (*visit)->waiter : NULL;
    if (!waiter || meeting_return(*visit) != 0)
        return;
    if (waiter->word != DONE)
        unqueue((*visit)->meeting, waiter);
    meeting_leave(*visit);
}

/* Handlers run while the waiter stays where it is. False: the thread has to go. */
static COLD bool run_handlers(struct visit *visit, struct waiter *waiter)
{
    __attribute__((cleanup(unwound))) struct visit *guarded = visit;
    long result = -ERESTARTNOINTR;
    visit->waiter = waiter;
    bool again = op_finish(this_carrier(), visit->co, &result);
    guarded = NULL;
    return again;
}

/* Leaves the carrier: parks, or lets @first run. Another thread's return from here is expected where ours
 * is, see sched_park_or_follow: so whoever switches does it from here, and what calls this is inline. */
int meeting_switch(struct visit *visit, struct co *first)
{
    struct co *co = visit->co;
    if (!first) {
        co->door = visit->deaf ? DOOR_SYMBOL : DOOR_CANCEL;
        co_waits(co, (struct co_wait){ .kind = visit->meeting->kind,
                                       .fd = -1,
                                       .addr = (uintptr_t)visit->meeting });
        int error = op_interrupted(co);
        if (unlikely(error))
            return error;
        if (visit->deadline_ns == DEADLINE_NEVER && fault_happens(FAULT_RESTART))
            return -ERESTARTSYS;
    }
    co->simd = SIMD_NONE;
    co->interruptible = !first;
    int result = sched_park_or_follow(visit->deadline_ns, first);
    co->interruptible = false;
    return result;
}

/* Parks again while that is all there is to do. Somebody may complete the wait while handlers run. */
static int park_again(struct visit *visit, struct waiter *waiter, int result)
{
    while (waiter->word != DONE) {
        if (result == -ERESTARTSYS) {
            bool again = run_handlers(visit, waiter);
            if (!again)
                op_begin(this_carrier());
            if (!again && waiter->word != DONE)
                return -EDOOR;
        } else if (result && result != -EINTR) {
            return result;
        }
        if (waiter->word != DONE)
            result = meeting_switch(visit, NULL);
    }
    return 0;
}

int meeting_wait_more(struct visit *visit, struct waiter *waiter, int result)
{
    result = park_again(visit, waiter, result);
    if (waiter->word == DONE)
        result = waiter->result;
    else
        unqueue(visit->meeting, waiter);
    leave_runtime(visit->co);
    return result == -EDOOR ? act_on_cancel(visit) : result;
}

static bool must_go(const struct visit *visit, uintptr_t thread)
{
    if (!visit->deaf && api_limit_due())
        return true;
    if (visit->deaf || !cancel_word_offset)
        return false;
    uint32_t word =
        __atomic_load_n((const uint32_t *)(thread + cancel_word_offset), __ATOMIC_SEQ_CST);
    return (word & (CANCEL_DISABLED | CANCEL_REQUESTED | CANCEL_EXITING)) == CANCEL_REQUESTED;
}

/* Sleeps until the word says DONE (0), the deadline (-ETIMEDOUT), or this thread is to go (-EDOOR).
 * Handlers run by themselves. */
static int sleep_in_kernel(const struct visit *visit, struct waiter *waiter, uintptr_t thread)
{
    for (;;) {
        uint32_t word = __atomic_load_n(&waiter->word, __ATOMIC_ACQUIRE);
        if (word == DONE)
            return 0;
        if (must_go(visit, thread) || api_limit_due())
            return -EDOOR;
        if (word == CANCELLED)
            __atomic_compare_exchange_n(&waiter->word, &word, WAITING, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST);
        uint64_t bound_ns = api_limit_bound(visit->deadline_ns);
        struct __kernel_timespec until = ns_timespec(bound_ns);
        long result = sys6(__NR_futex, &waiter->word, FUTEX_WAIT_BITSET_PRIVATE, WAITING,
                           bound_ns == DEADLINE_NEVER ? NULL : &until, NULL, FUTEX_ANY);
        if (result == -ETIMEDOUT && bound_ns == visit->deadline_ns)
            return -ETIMEDOUT;
    }
}

int meeting_wait_in_kernel(struct visit *visit, struct waiter *waiter)
{
    struct parked self = { .thread = pthread_self(), .waiter = waiter };
    int type;
    visit->meeting->present++;
    unlock(&visit->meeting->lock);
    pthread_setcanceltype(0, &type); /* PTHREAD_CANCEL_DEFERRED */
    lock(&parked.lock);
    list_push(&parked.threads, &self.link);
    unlock(&parked.lock);
    int result = sleep_in_kernel(visit, waiter, self.thread);
    lock(&parked.lock);
    list_remove(&self.link);
    unlock(&parked.lock);
    pthread_setcanceltype(type, &type);
    lock(&visit->meeting->lock);
    visit->meeting->present--;
    if (waiter->word == DONE)
        result = waiter->result;
    else
        unqueue(visit->meeting, waiter);
    unlock(&visit->meeting->lock);
    return result == -EDOOR ? act_on_cancel(visit) : result;
}

int meeting_begin_wait(struct visit *visit, enum side side, struct waiter *waiter)
{
    if (visit->timeout_ns == DONT_WAIT) {
        meeting_leave(visit);
        return -ETIMEDOUT;
    }
    set_deadline(visit);
    waiter->co = visit->co;
    waiter->word = WAITING;
    queue(visit->meeting, side, waiter);
    return 0;
}

/* ---- waking ---- */

static void complete(struct meeting *meeting, struct waiter *waiter, int result)
{
    unqueue(meeting, waiter);
    waiter->result = result;
}

static void wake_in_kernel(struct waiter *waiter)
{
    uint32_t *word = &waiter->word;
    __atomic_store_n(word, DONE, __ATOMIC_RELEASE);
    sys3(__NR_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

void meeting_wake(struct meeting *meeting, struct waiter *waiter, int result)
{
    complete(meeting, waiter, result);
    if (likely(waiter->co)) {
        waiter->word = DONE;
        sched_wake(waiter->co, 0);
    } else {
        wake_in_kernel(waiter);
    }
}

uint32_t meeting_wake_all(struct meeting *meeting, enum side side, int result)
{
    struct waiter *waiter;
    uint32_t count = 0;
    for (; (waiter = meeting_first(meeting, side)); count++)
        meeting_wake(meeting, waiter, result);
    return count;
}

struct co *meeting_complete(struct visit *visit, struct waiter *waiter, int result)
{
    struct co *co = waiter->co;
    if (unlikely(!co || !visit->co || co->state != CO_PARKED)) {
        meeting_wake(visit->meeting, waiter, result);
        return NULL;
    }
    complete(visit->meeting, waiter, result);
    waiter->word = DONE;
    return co;
}

uint32_t meeting_count(struct meeting *meeting, enum side side)
{
    struct visit visit;
    if (meeting_enter(&visit, meeting, DONT_WAIT) != 0)
        return 0;
    uint32_t count = meeting->count[side];
    meeting_leave(&visit);
    return count;
}

/* Those who were woken in the kernel need a moment to leave. */
int meeting_end(struct meeting *meeting)
{
    struct visit visit;
    for (;; sys0(__NR_sched_yield)) {
        int error = meeting_enter(&visit, meeting, DONT_WAIT);
        if (error)
            return error;
        bool waited_for =
            meeting->count[TAKERS] || meeting->count[GIVERS] || meeting->count[OTHERS];
        bool present = meeting->present;
        meeting_leave(&visit);
        if (waited_for || (present && visit.co))
            return -EBUSY;
        if (!present)
            return 0;
    }
}

void meeting_cancel(uintptr_t thread)
{
    struct list *node, *after;
    lock(&parked.lock);
    list_for_each (node, after, &parked.threads) {
        struct parked *one = container_of(node, struct parked, link);
        uint32_t expected = WAITING;
        if (one->thread != thread)
            continue;
        __atomic_compare_exchange_n(&one->waiter->word, &expected, CANCELLED, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        sys3(__NR_futex, &one->waiter->word, FUTEX_WAKE_PRIVATE, 1);
    }
    unlock(&parked.lock);
}
