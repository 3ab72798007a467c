/* The threads of a trace, found by id: a table with open addressing.
 *
 * A trace begins in the middle of things. How a thread was before its first event follows from that
 * event: who is woken was parked, who parks was running. What it was parked on, a listing tells that was
 * made at the start. */
#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/trace.h"

static size_t place_of(const struct tracks *tracks, uint64_t id)
{
    size_t at = id * UINT64_C(0x9e3779b97f4a7c15) >> 20 & (tracks->room - 1);

    while (tracks->items[at].id != 0 && tracks->items[at].id != id)
        at = (at + 1) & (tracks->room - 1);
    return at;
}

static void grow(struct tracks *tracks)
{
    struct tracks larger = { .room = tracks->room > 0 ? tracks->room * 2 : 64,
                             .count = tracks->count };

    larger.items = calloc(larger.room, sizeof(*larger.items));
    if (larger.items == NULL)
        error(EXIT_FAILED, errno, "memory for %zu threads", larger.room);
    for (size_t i = 0; i < tracks->room; i++)
        if (tracks->items[i].id != 0)
            larger.items[place_of(&larger, tracks->items[i].id)] = tracks->items[i];
    free(tracks->items);
    *tracks = larger;
}

struct track *track_of(struct tracks *tracks, uint64_t id)
{
    struct track *track;

    if (tracks->count * 2 >= tracks->room)
        grow(tracks);
    track = &tracks->items[place_of(tracks, id)];
    if (track->id == 0) {
        track->id = id;
        tracks->count++;
    }
    return track;
}

static struct trace_event park_event(const struct co_info *thread)
{
    struct trace_event event = {
        .thread = thread->id,
        .object = thread->wait_addr,
        .value = thread->wait_fd,
        .kind = (uint8_t)thread->wait_kind,
        .type = TRACE_PARK,
    };

    if (thread->wait_kind == WAIT_OFFLOAD)
        event.nr = (uint16_t)thread->wait_nr;
    else if (thread->wait_kind == WAIT_MUTEX || thread->wait_kind == WAIT_JOIN)
        event.value = (int32_t)thread->wait_owner_tid;
    else if (thread->wait_kind == WAIT_CHILD)
        event.value = thread->wait_pid;
    return event;
}

void tracks_learn(struct tracks *tracks, const struct threads *threads, bool first)
{
    for (size_t i = 0; i < threads->count; i++) {
        const struct co_info *thread = &threads->items[i];
        struct track *track = track_of(tracks, thread->id);

        memcpy(track->name, thread->name, sizeof(track->name));
        if (first && thread->state == CO_PARKED) {
            track->parked = park_event(thread);
            track->first = TRACK_PARKED;
        }
    }
}

static enum track_state state_before(const struct trace_event *event)
{
    switch (event->type) {
    case TRACE_RUN:
        return TRACK_RUNNABLE;
    case TRACE_WAKE:
        return TRACK_PARKED;
    case TRACE_CREATE:
        return TRACK_GONE;
    case TRACE_OFFLOAD_END:
        return TRACK_PARKED;
    case TRACE_RETURN:
        return event->kind & TRACE_RESUMED ? TRACK_RUNNABLE : TRACK_RUNNING;
    default:
        return TRACK_RUNNING;
    }
}

void tracks_meet(struct tracks *tracks, const struct trace_event *event)
{
    struct track *track;

    if (event->thread == 0)
        return;
    track = track_of(tracks, event->thread);
    if (event->type == TRACE_NAME) {
        memset(track->name, 0, sizeof(track->name));
        memcpy(track->name, event->name, sizeof(event->name));
    }
    if (!track->met)
        track->first = state_before(event);
    track->met = true;
}

void tracks_free(struct tracks *tracks)
{
    free(tracks->items);
    *tracks = (struct tracks){ 0 };
}
