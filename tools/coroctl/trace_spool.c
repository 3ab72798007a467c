/* The events of a trace, from the process's memory to a nameless file.
 *
 * While the trace is on, blocks of the ring are copied as they are: whatever else this command did would
 * take the traced program's caches and, often enough, its core. Sense is made of the events afterwards.
 * The ring's events are in the order of time; stalls come on another way, sooner than events of
 * the same time, and are put among them when all are there. */
#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/trace.h"

#define COPY_EVENTS 8192

static int nonsense(const struct trace *trace)
{
    error(0, 0, "process %d answers nonsense: is it coroshim's?", (int)trace->pid);
    return EXIT_PROTOCOL;
}

int trace_begin(struct trace *trace, struct connection *connection)
{
    const struct trace_reply *reply = (const struct trace_reply *)connection->body;

    trace->ring = connection->passed_fd;
    trace->ring_events = reply->ring_events;
    trace->taken = reply->written;
    trace->begin = trace->end = reply->now;
    trace->begin_ns = trace->end_ns = reply->now_ns;
    if (trace->ring < 0 || reply->event_bytes != sizeof(struct trace_event) ||
        reply->ring_events == 0)
        return nonsense(trace);
    trace->spool = tmpfile();
    if (trace->spool == NULL) {
        error(0, errno, "temporary file");
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static int keep(struct trace *trace, const struct trace_event *events, size_t count)
{
    if (fwrite(events, sizeof(*events), count, trace->spool) == count)
        return EXIT_OK;
    error(0, errno, "temporary file");
    return EXIT_FAILED;
}

static int keep_stall(struct trace *trace, const struct trace_event *stall)
{
    struct trace_event *larger =
        reallocarray(trace->stalls, trace->stall_count + 1, sizeof(*larger));

    if (larger == NULL)
        error(EXIT_FAILED, errno, "memory for %zu stalls", trace->stall_count + 1);
    larger[trace->stall_count++] = *stall;
    trace->stalls = larger;
    return EXIT_OK;
}

/* Copies what the ring has before event @end, and not over its own end. */
static int take_ring(struct trace *trace, uint64_t end)
{
    static struct trace_event events[COPY_EVENTS];
    int code = EXIT_OK;

    while (code == EXIT_OK && trace->taken != end) {
        uint64_t at = trace->taken % trace->ring_events, count = end - trace->taken;
        size_t bytes;

        count = count < COPY_EVENTS ? count : COPY_EVENTS;
        count = count < trace->ring_events - at ? count : trace->ring_events - at;
        bytes = count * sizeof(*events);
        if (pread(trace->ring, events, bytes, (off_t)(at * sizeof(*events))) != (ssize_t)bytes)
            return nonsense(trace);
        trace->taken += count;
        trace->last = events[count - 1].time;
        code = keep(trace, events, count);
    }
    return code;
}

int trace_take(struct trace *trace, const struct connection *connection)
{
    const struct trace_reply *reply = (const struct trace_reply *)connection->body;
    const struct trace_event *events = (const struct trace_event *)(reply + 1);
    int code;

    if (reply->written - trace->taken > trace->ring_events ||
        (connection->body_bytes - sizeof(*reply)) / sizeof(*events) < reply->count)
        return nonsense(trace);
    code = take_ring(trace, reply->written);
    for (uint32_t i = 0; code == EXIT_OK && i < reply->count; i++)
        code = events[i].type == TRACE_STALL ? keep_stall(trace, &events[i])
                                             : keep(trace, &events[i], 1);
    trace->end = reply->now;
    trace->end_ns = reply->now_ns;
    return code;
}

int trace_take_after_end(struct trace *trace)
{
    int code = EXIT_OK;

    while (code == EXIT_OK && trace->ring >= 0) {
        uint64_t at = trace->taken % trace->ring_events;
        struct trace_event event;
        ssize_t bytes = pread(trace->ring, &event, sizeof(event), (off_t)(at * sizeof(event)));

        if (bytes != sizeof(event) || event.time < trace->last || event.time < trace->begin)
            break;
        code = take_ring(trace, trace->taken + 1);
    }
    return code;
}

/* The spool's next event that is not of the trace before. */
static void look_ahead(struct trace *trace)
{
    do
        trace->has_ahead = fread(&trace->ahead, sizeof(trace->ahead), 1, trace->spool) == 1;
    while (trace->has_ahead && trace->ahead.time < trace->begin);
}

void trace_rewind(struct trace *trace)
{
    rewind(trace->spool);
    trace->next_stall = 0;
    look_ahead(trace);
}

bool trace_next(struct trace *trace, struct trace_event *event)
{
    const struct trace_event *stall = &trace->stalls[trace->next_stall];
    bool has_stall = trace->next_stall < trace->stall_count;

    if (has_stall && (!trace->has_ahead || stall->time < trace->ahead.time)) {
        *event = *stall;
        trace->next_stall++;
        return true;
    }
    if (!trace->has_ahead)
        return false;
    *event = trace->ahead;
    look_ahead(trace);
    return true;
}

void trace_survey(struct trace *trace)
{
    struct trace_event event;

    trace_rewind(trace);
    while (trace_next(trace, &event)) {
        tracks_meet(&trace->tracks, &event);
        trace->lost += event.type == TRACE_LOST ? event.object : 0;
        trace->events++;
    }
}

void trace_free(struct trace *trace)
{
    if (trace->spool != NULL)
        fclose(trace->spool);
    if (trace->ring >= 0)
        close(trace->ring);
    free(trace->stalls);
    tracks_free(&trace->tracks);
}
