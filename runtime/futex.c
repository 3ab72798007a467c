/* futex(2) in user space.
 *
 * A fixed table of buckets, each a FIFO of waiters of all addresses that hash there; a waiter lives
 * on its coroutine's stack for the time of the wait. Comparing the word and queueing is one step
 * for every coroutine, because nothing here is preempted. The table belongs to the carrier.
 *
 * Words are read and changed atomically nevertheless: other processes and helper threads may. */
#include "runtime/futex.h"

#include <linux/futex.h>
#include <linux/mman.h>

#include "runtime/mem.h"
#include "runtime/sched.h"

#define BUCKETS     (1U << 16)
#define TABLE_BYTES (BUCKETS * sizeof(struct list))
#define WAKES_MAX   8 /* calls, by one coroutine that does not wait itself */
#define LOSSES_MAX  4 /* of one coroutine, before who wakes it makes way for it */

static struct list *buckets; /* zeroes: not in use yet */

/* By whole pages, and not bucket by bucket: the child of a fork would copy all that it writes to. */
void futex_reset(void)
{
    if (buckets)
        sys3(__NR_madvise, buckets, TABLE_BYTES, MADV_DONTNEED);
}

int futex_init(void)
{
    if (!buckets)
        buckets = pages_map(TABLE_BYTES);
    return buckets ? 0 : -ENOMEM;
}

static struct list *bucket_of(const uint32_t *word)
{
    uint64_t key = (uintptr_t)word >> 2;
    struct list *bucket = &buckets[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 48];
    if (unlikely(!bucket->next))
        list_init(bucket);
    return bucket;
}

/* First come, first served, within each priority. */
static void queue_waiter(struct futex_waiter *waiter)
{
    struct list *bucket = bucket_of(waiter->word), *place = bucket, *after;
    uint8_t priority = waiter->co->rt_priority;
    if (unlikely(priority)) {
        list_for_each (place, after, bucket) {
            struct futex_waiter *other = container_of(place, struct futex_waiter, link);
            if (other->word == waiter->word && other->co->rt_priority < priority)
                break;
        }
    }
    list_push(place, &waiter->link);
}

/* Who was woken and waits again at once was woken in vain: somebody else had taken the lock. */
static void count_losses(struct co *co, const uint32_t *word)
{
    bool in_vain = co->woken_at == word && co->woken_turn == co->slices;
    co->losses = in_vain ? co->losses + (co->losses < LOSSES_MAX) : 0;
}

int futex_wait(uint32_t *word, uint32_t expected, uint32_t bits, uint64_t deadline_ns)
{
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected)
        return -EAGAIN;
    struct co *co = this_co();
    struct futex_waiter waiter = { .co = co, .word = word, .expected = expected, .bits = bits };
    queue_waiter(&waiter);
    co->wakes = 0;
    count_losses(co, word);
    int result = sched_park(deadline_ns);
    if (waiter.woken) { /* a wake that came first wins over a signal or the deadline */
        co->woken_at = word;
        co->woken_turn = co->slices;
        return 0;
    }
    list_remove(&waiter.link);
    return result;
}

/* A waiter for each word; the first one that is woken tells. */
int futex_wait_any(struct futex_any *words, uint32_t count, uint64_t deadline_ns)
{
    for (uint32_t i = 0; i < count; i++) {
        if (__atomic_load_n(words[i].word, __ATOMIC_SEQ_CST) != words[i].expected)
            return -EAGAIN;
    }
    for (uint32_t i = 0; i < count; i++) {
        words[i].waiter = (struct futex_waiter){
            .co = this_co(), .word = words[i].word, .expected = words[i].expected, .bits = FUTEX_ANY
        };
        queue_waiter(&words[i].waiter);
    }
    int result = sched_park(deadline_ns);
    for (uint32_t i = count; i-- > 0;) {
        if (words[i].waiter.woken)
            result = (int)i;
        else
            list_remove(&words[i].waiter.link);
    }
    return result;
}

static void wake_one(struct futex_waiter *waiter)
{
    list_remove(&waiter->link);
    waiter->woken = true;
    sched_wake(waiter->co, 0);
}

/* Who waits for a priority-inheritance lock, or to be moved to one, is known to its unlock alone. */
static bool waits_for_lock(const struct futex_waiter *waiter)
{
    return unlikely(runtime.pi_waiters) && waiter->co->pi_word;
}

int futex_wake(uint32_t *word, int count, uint32_t bits)
{
    struct carrier *carrier = this_carrier();
    struct list *node, *after, *bucket = bucket_of(word);
    int woken = 0;
    carrier->loser = NULL;
    list_for_each (node, after, bucket) {
        struct futex_waiter *waiter = container_of(node, struct futex_waiter, link);
        if (waiter->word != word)
            continue;
        if (waits_for_lock(waiter))
            return -EINVAL;
        if (!(waiter->bits & bits))
            continue;
        wake_one(waiter);
        if (unlikely(waiter->co->losses >= LOSSES_MAX))
            carrier->loser = waiter->co;
        if (++woken >= count)
            break;
    }
    return woken;
}

void futex_give_way(void)
{
    struct co *co = this_co(), *loser = this_carrier()->loser;
    this_carrier()->loser = NULL;
    if (likely(++co->wakes < WAKES_MAX && !loser))
        return;
    co->wakes = 0;
    if (loser) {
        loser->losses = 0;
        sched_run_first(loser);
    }
    sched_yield_co();
}

struct co *futex_first(const uint32_t *word)
{
    struct list *node, *after;
    list_for_each (node, after, bucket_of(word)) {
        struct futex_waiter *waiter = container_of(node, struct futex_waiter, link);
        if (waiter->word == word)
            return waiter->co;
    }
    return NULL;
}

struct co *futex_wake_next(uint32_t *word)
{
    struct list *node, *after;
    list_for_each (node, after, bucket_of(word)) {
        struct futex_waiter *waiter = container_of(node, struct futex_waiter, link);
        if (waiter->word != word)
            continue;
        wake_one(waiter);
        return waiter->co;
    }
    return NULL;
}

static void wait_for_lock(struct co *co, uint32_t *lock)
{
    uint32_t owner = __atomic_load_n(lock, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK;
    co->wait =
        (struct co_wait){ .kind = WAIT_MUTEX, .fd = -1, .tid = owner, .addr = (uintptr_t)lock };
}

/* Those that wait to be moved to @lock or, if that is NULL, for nothing but a wake. The first of another
 * kind ends it, with an error, whatever has been done. */
static int requeue(uint32_t *word, int wake, uint32_t *target, int move, const uint32_t *lock)
{
    struct list *node, *after, *from = bucket_of(word), moving;
    int woken = 0, moved = 0, error = 0;
    list_init(&moving);
    list_for_each (node, after, from) {
        struct futex_waiter *waiter = container_of(node, struct futex_waiter, link);
        if (waiter->word != word)
            continue;
        if (woken >= wake && moved >= move)
            break;
        if (waiter->co->pi_word != lock) {
            error = -EINVAL;
            break;
        }
        if (woken < wake) {
            wake_one(waiter);
            woken++;
        } else {
            list_remove(node);
            waiter->word = target;
            if (lock)
                wait_for_lock(waiter->co, target);
            list_push(&moving, node);
            moved++;
        }
    }
    while ((node = list_pop(&moving)))
        queue_waiter(container_of(node, struct futex_waiter, link));
    return error ? error : woken + moved;
}

int futex_requeue(uint32_t *word, int wake, uint32_t *target, int move, const uint32_t *expected)
{
    if (wake < 0 || move < 0)
        return -EINVAL;
    if (expected && __atomic_load_n(word, __ATOMIC_SEQ_CST) != *expected)
        return -EAGAIN;
    return requeue(word, wake, target, move, NULL);
}

int futex_requeue_to_lock(uint32_t *word, uint32_t *lock, int move)
{
    return requeue(word, 0, lock, move, lock);
}

/* The encoding is that of FUTEX_OP in linux/futex.h. */
static bool change_word(uint32_t *word, uint32_t operation, int32_t argument, uint32_t *old)
{
    switch (operation) {
    case FUTEX_OP_SET:
        *old = __atomic_exchange_n(word, (uint32_t)argument, __ATOMIC_SEQ_CST);
        return true;
    case FUTEX_OP_ADD:
        *old = __atomic_fetch_add(word, (uint32_t)argument, __ATOMIC_SEQ_CST);
        return true;
    case FUTEX_OP_OR:
        *old = __atomic_fetch_or(word, (uint32_t)argument, __ATOMIC_SEQ_CST);
        return true;
    case FUTEX_OP_ANDN:
        *old = __atomic_fetch_and(word, ~(uint32_t)argument, __ATOMIC_SEQ_CST);
        return true;
    case FUTEX_OP_XOR:
        *old = __atomic_fetch_xor(word, (uint32_t)argument, __ATOMIC_SEQ_CST);
        return true;
    default:
        return false;
    }
}

static int comparison_holds(uint32_t comparison, int32_t old, int32_t argument)
{
    switch (comparison) {
    case FUTEX_OP_CMP_EQ:
        return old == argument;
    case FUTEX_OP_CMP_NE:
        return old != argument;
    case FUTEX_OP_CMP_LT:
        return old < argument;
    case FUTEX_OP_CMP_LE:
        return old <= argument;
    case FUTEX_OP_CMP_GT:
        return old > argument;
    case FUTEX_OP_CMP_GE:
        return old >= argument;
    default:
        return -ENOSYS;
    }
}

static int32_t sign_extend_12(uint32_t value)
{
    return (int32_t)(value << 20) >> 20;
}

int futex_wake_op(uint32_t *word, int wake, uint32_t *target, int wake_target, uint32_t operation)
{
    int32_t argument = sign_extend_12(operation >> 12 & 0xfff);
    uint32_t old;
    if (operation >> 28 & FUTEX_OP_OPARG_SHIFT)
        argument = (int32_t)(1U << (argument & 31));
    if (!change_word(target, operation >> 28 & 7, argument, &old))
        return -ENOSYS;
    int holds =
        comparison_holds(operation >> 24 & 15, (int32_t)old, sign_extend_12(operation & 0xfff));
    if (holds < 0)
        return holds;
    int woken = futex_wake(word, wake, FUTEX_ANY);
    if (!holds || woken < 0)
        return woken;
    int more = futex_wake(target, wake_target, FUTEX_ANY);
    return more < 0 ? more : woken + more;
}

void futex_wake_outdated(void)
{
    struct list *node, *after;
    uint32_t present;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        if (!buckets[i].next)
            continue;
        list_for_each (node, after, &buckets[i]) {
            struct futex_waiter *waiter = container_of(node, struct futex_waiter, link);
            if (user_copy(&present, waiter->word, sizeof(present)) == 0 &&
                present != waiter->expected)
                wake_one(waiter);
        }
    }
}

bool futex_has_waiters(uint32_t *word)
{
    struct list *node, *after;
    list_for_each (node, after, bucket_of(word)) {
        if (container_of(node, struct futex_waiter, link)->word == word)
            return true;
    }
    return false;
}
