/* The API's door: its threads park by op_futex like a lock's, with the class of a cancellation point.
 *
 * No header of libc's here: operations have their own types. Without coroutines libc's futex sleeps,
 * under asynchronous cancellation as libc's own cancellation points do it. */
#include "interpose/doors.h"

#include <linux/futex.h>

#include "interpose/api.h"
#include "interpose/limit.h"
#include "runtime/unstarted.h"
#include "shim/api/park.h"

long syscall(long nr, ...);
int pthread_setcanceltype(int type, int *old);
void pthread_testcancel(void);

#define CANCEL_TYPE_ASYNCHRONOUS 1 /* PTHREAD_CANCEL_ASYNCHRONOUS */

/* Through the gate when cancellation is disabled or pending, else in the kernel. */
static int park_by_libc(uint32_t *word, uint64_t deadline_ns)
{
    uint64_t bound_ns = api_limit_bound(deadline_ns);
    struct __kernel_timespec time = ns_timespec(bound_ns);
    struct __kernel_timespec *until = bound_ns == DEADLINE_NEVER ? NULL : &time;
    int type, operation = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG;
    int *where = __errno_location(), before = *where;
    if (api_limit_due())
        return ECANCELED;
    pthread_setcanceltype(CANCEL_TYPE_ASYNCHRONOUS, &type);
    long result = syscall(__NR_futex, word, operation, 0, until, (void *)0, FUTEX_ANY);
    pthread_setcanceltype(type, NULL);
    int error = result < 0 ? *where : 0;
    *where = before;
    return error == ETIMEDOUT && bound_ns == deadline_ns ? ETIMEDOUT : 0;
}

int api_park(uint32_t *word, const struct api_reason *reason, uint64_t deadline_ns)
{
    struct co_wait wait = { .kind = reason->kind ? reason->kind : (uint32_t)WAIT_FUTEX,
                            .fd = -1,
                            .tid = reason->tid,
                            .addr = reason->kind ? reason->about : (uintptr_t)word };
    struct door door;
    long result;
    if (!door_enter(&door, CANCEL))
        return park_by_libc(word, deadline_ns);
    do
        result = op_api_park(word, &wait, deadline_ns);
    while (door_leave(&door, &result));
    return result == -EDOOR ? ECANCELED : result == -ETIMEDOUT ? ETIMEDOUT : 0;
}

void api_unpark(uint32_t *word, bool first)
{
    struct door door;
    long result;
    if (!door_enter(&door, PLAIN)) {
        int *where = __errno_location(), before = *where;
        syscall(__NR_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, (void *)0, (void *)0, 0);
        *where = before;
        return;
    }
    do
        result = op_api_wake(word, first);
    while (door_leave(&door, &result));
}

int api_leave(void)
{
    pthread_testcancel();
    return door_limits.leave ? door_limits.leave(true) : 0;
}

bool api_is_running(void)
{
    return runtime.mode == MODE_ACTIVE;
}

bool api_is_dormant(void)
{
    return runtime.mode == MODE_DORMANT;
}

uint64_t api_own_id(void)
{
    return runtime.mode == MODE_ACTIVE ? this_co()->id : 0;
}

/* The body of a question to the runtime: @call in it, @otherwise without. */
#define ASK(type, call, otherwise)                                                                 \
    struct door door;                                                                              \
    long ignored = 0;                                                                              \
    if (!door_enter(&door, PLAIN))                                                                 \
        return otherwise;                                                                          \
    type answer = call;                                                                            \
    while (door_leave(&door, &ignored))                                                            \
        ;                                                                                          \
    return answer

uint64_t api_new_id(void)
{
    ASK(uint64_t, ++runtime.next_id, 0);
}

void api_number_child(uint64_t id)
{
    if (runtime.mode == MODE_ACTIVE)
        this_co()->child_id = id;
}

static bool show_unstarted(struct unstarted *thread)
{
    unstarted_add(thread);
    return true;
}

static bool hide_unstarted(struct unstarted *thread)
{
    unstarted_remove(thread);
    return true;
}

bool api_show_unstarted(struct unstarted *thread)
{
    ASK(bool, show_unstarted(thread), false);
}

bool api_hide_unstarted(struct unstarted *thread)
{
    ASK(bool, hide_unstarted(thread), false);
}

uint32_t api_young_tid(uint64_t id)
{
    ASK(uint32_t, op_api_tid(id), 0);
}

bool api_runtime_info(uint64_t id, struct co_info *info)
{
    ASK(bool, op_api_info(id, info), false);
}

size_t api_runtime_ids(uint64_t after_id, uint64_t *ids, size_t max)
{
    ASK(size_t, op_api_ids(after_id, ids, max), 0);
}

uint32_t api_selfishness(uint64_t id)
{
    ASK(uint32_t, op_api_selfishness(id), 0);
}

static bool limit_enter(struct limit *limit)
{
    op_limit_enter(limit);
    return true;
}

static bool limit_exit(struct limit *limit)
{
    op_limit_leave(limit);
    return true;
}

bool api_limit_enter(struct limit *limit)
{
    ASK(bool, limit_enter(limit), false);
}

bool api_limit_exit(struct limit *limit)
{
    ASK(bool, limit_exit(limit), false);
}

long api_run_once(uint64_t *next_ns)
{
    *next_ns = DEADLINE_NEVER;
    ASK(long, op_api_run_once(next_ns), 0);
}

int api_loop_fd(int timer_fd)
{
    ASK(int, (int)op_api_loop_fd(timer_fd), -ENOSYS);
}

int api_set_priority(uint64_t id, unsigned priority)
{
    ASK(int, op_api_set_priority(id, priority), -ESRCH);
}

int api_set_selfishness(uint64_t id, uint32_t calls)
{
    ASK(int, op_api_set_selfishness(id, calls), -ESRCH);
}

void api_watch_stalls(uint32_t *bell)
{
    struct door door;
    long ignored = 0;
    if (!door_enter(&door, PLAIN))
        return;
    op_api_watch_stalls(bell);
    while (door_leave(&door, &ignored))
        ;
}

bool api_take_stall(uint64_t *id, uint64_t *held_ns)
{
    ASK(bool, op_api_take_stall(id, held_ns), false);
}
