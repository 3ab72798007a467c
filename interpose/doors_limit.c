/* Where cancellation points meet time limits (interpose/limit.h). */
#include "interpose/cancel.h"
#include "interpose/doors.h"

struct door_limits door_limits;

/* A cancellation that is requested stays libc's business, even while it is disabled. */
static bool is_requested(const struct co *co)
{
    if (!cancel_word_offset)
        return !co->limits;
    const uint32_t *word = (const uint32_t *)(co->fs_base + cancel_word_offset);
    return !co->fs_base || __atomic_load_n(word, __ATOMIC_SEQ_CST) & CANCEL_REQUESTED;
}

bool door_stays(const struct co *co)
{
    if (is_requested(co))
        return false;
    if (co->limits)
        door_limits.leave(false);
    return true;
}

long door_left(const struct co *co)
{
    if (co->limits && !cancel_is_due(co) && door_limits.leave(true) == ETIMEDOUT)
        return -ETIMEDOUT;
    return -EDOOR;
}

/* A cleanup handler has run, and the unwinding goes on: to the thread's end, or to a limit's frame. */
EXPORT void door___pthread_unwind_next(void *buffer) __asm__("__pthread_unwind_next");
void door___pthread_unwind_next(void *buffer)
{
    if (door_limits.unwind_next)
        door_limits.unwind_next(buffer);
    ((void (*)(void *))REAL(__pthread_unwind_next))(buffer);
    __builtin_unreachable();
}
