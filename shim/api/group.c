/* Groups (coro/event.h): a count, and those who wait until it is zero. */
#include <limits.h>
#include <stdlib.h>

#include "shim/api/meeting.h"
#include "shim/coro/event.h"

struct coro_group {
    struct meeting meeting;
    long left;
};

struct coro_group *coro_group_new(void)
{
    struct coro_group *group = malloc(sizeof(*group));
    if (!group)
        return NULL;
    group->left = 0;
    meeting_init(&group->meeting, WAIT_EVENT);
    return group;
}

int coro_group_free(struct coro_group *group)
{
    int error = group ? meeting_end(&group->meeting) : 0;
    if (!error)
        free(group);
    return meeting_result(error);
}

static int change(struct coro_group *group, long count)
{
    struct visit visit;
    int error = meeting_enter(&visit, &group->meeting, DONT_WAIT);
    if (error)
        return error;
    if (count > 0 ? group->left > LONG_MAX - count : group->left < -count)
        error = -EINVAL;
    else
        group->left += count;
    if (!error && !group->left)
        meeting_wake_all(&group->meeting, TAKERS, 0);
    meeting_leave(&visit);
    return error;
}

int coro_group_add(struct coro_group *group, long count)
{
    return meeting_result(count < 0 ? -EINVAL : change(group, count));
}

int coro_group_done(struct coro_group *group)
{
    return meeting_result(change(group, -1));
}

int coro_group_wait(struct coro_group *group, double seconds)
{
    struct visit visit;
    struct waiter self = { 0 };
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return meeting_result(-EINVAL);
    int error = meeting_enter(&visit, &group->meeting, timeout);
    if (error)
        return meeting_result(error);
    do {
        if (!group->left) {
            meeting_leave(&visit);
            return 0;
        }
        error = meeting_wait(&visit, TAKERS, &self);
    } while (error == MEETING_AGAIN);
    return meeting_result(error);
}
