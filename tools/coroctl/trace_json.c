/* Writing a trace as JSON trace events.
 *
 * Each thread is a track. On it lie slices that say what it is: running, runnable, or parked on
 * something. A call is a mark at its end. A wake is an arrow (a flow) from the waker to the `runnable`
 * of the woken.
 *
 * Events leave in the order of time, every slice that begins also ends, and both ends of an arrow are
 * written together. Where events were lost nothing is known: all that is open ends there. */
#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/progress.h"
#include "tools/coroctl/text.h"
#include "tools/coroctl/trace.h"

#define SILENT_MAX 1000 /* threads that do nothing meanwhile are shown when they are so few */

static const struct traced {
    uint32_t number;
    const char *name;
    bool fd;
} traced[] = {
#define TRACED_ROW(call, fd) { SYS_##call, #call, fd },
    TRACED_CALLS(TRACED_ROW)
#undef TRACED_ROW
};

struct writer {
    FILE *out;
    struct trace *trace;
    uint64_t now; /* of the last event: time never goes back */
    double ns;    /* for one tick of the events' clock */
    uint64_t arrows;
    uint64_t *open; /* ids of the tracks with something open */
    size_t open_count, open_room;
};

const char *traced_call_name(uint32_t number, bool *fd)
{
    for (size_t i = 0; i < ARRAY_SIZE(traced); i++) {
        if (traced[i].number != number)
            continue;
        *fd = traced[i].fd;
        return traced[i].name;
    }
    *fd = false;
    return NULL;
}

static void call_name(char *text, size_t size, uint32_t number)
{
    bool fd;
    const char *name = traced_call_name(number, &fd);

    if (name == NULL)
        name = system_call_name(number);
    if (number == UINT16_MAX) /* what an event keeps of UINT32_MAX */
        name = "page fault";
    if (name != NULL)
        snprintf(text, size, "%s", name);
    else
        snprintf(text, size, "system call %u", number);
}

/* The head of one event; what follows are further members, then end(). */
static void begin(struct writer *writer, char phase, uint64_t thread)
{
    uint64_t ns = (uint64_t)((double)(writer->now - writer->trace->begin) * writer->ns);

    fprintf(writer->out, ",\n{\"ph\":\"%c\",\"pid\":%d,\"tid\":%lu,\"ts\":%lu.%03lu", phase,
            (int)writer->trace->pid, thread, ns / 1000, ns % 1000);
}

static void end(struct writer *writer)
{
    fputc('}', writer->out);
}

static void begin_slice(struct writer *writer, uint64_t thread, const char *name)
{
    begin(writer, 'B', thread);
    fprintf(writer->out, ",\"cat\":\"%s\",\"name\":\"%s\"", name, name);
    end(writer);
}

/* By whom it was woken: 0 is the carrier's loop, for readiness or a deadline. */
static void begin_runnable(struct writer *writer, uint64_t thread, const struct trace_event *wake)
{
    begin(writer, 'B', thread);
    fputs(",\"cat\":\"runnable\",\"name\":\"runnable\",\"args\":{\"woken_by\":", writer->out);
    if (wake->object != 0)
        fprintf(writer->out, "%lu}", wake->object);
    else
        fputs("\"poll\"}", writer->out);
    end(writer);
}

/* Some viewers want the name again. */
static void end_slice(struct writer *writer, uint64_t thread, const char *name)
{
    begin(writer, 'E', thread);
    fprintf(writer->out, ",\"name\":\"%s\"", name);
    end(writer);
}

static void note_open(struct writer *writer, struct track *track)
{
    if (track->listed)
        return;
    if (writer->open_count == writer->open_room) {
        writer->open_room = writer->open_room * 2 + 64;
        writer->open = reallocarray(writer->open, writer->open_room, sizeof(*writer->open));
        if (writer->open == NULL)
            error(EXIT_FAILED, errno, "memory for %zu threads", writer->open_room);
    }
    writer->open[writer->open_count++] = track->id;
    track->listed = true;
}

/* What a thread that parks waits on, as a slice's name. */
static void park_name(char *text, size_t size, const struct trace_event *park)
{
    uint32_t kind = park->kind & ~TRACE_IN_CALL;
    char call[32];

    switch (kind) {
    case WAIT_READ:
    case WAIT_WRITE:
        snprintf(text, size, "parked: %s fd %d", wait_word(kind), park->value);
        break;
    case WAIT_OFFLOAD:
        call_name(call, sizeof(call), park->nr);
        snprintf(text, size, "parked: %s on a helper", call);
        break;
    default:
        snprintf(text, size, "parked: %s", wait_word(kind));
    }
}

static void begin_parked(struct writer *writer, const struct trace_event *park, uint64_t thread)
{
    uint32_t kind = park->kind & ~TRACE_IN_CALL;
    char name[64];

    park_name(name, sizeof(name), park);
    begin(writer, 'B', thread);
    fprintf(writer->out, ",\"cat\":\"parked\",\"name\":\"%s\",\"args\":{\"on\":\"%s\"", name,
            wait_word(kind));
    if (park->kind & TRACE_IN_CALL) {
        call_name(name, sizeof(name), park->nr);
        fprintf(writer->out, ",\"call\":\"%s\"", name);
    }
    if (park->object != 0)
        fprintf(writer->out, ",\"address\":\"0x%lx\"", park->object);
    if (kind == WAIT_READ || kind == WAIT_WRITE || kind == WAIT_POLL)
        fprintf(writer->out, ",\"fd\":%d", park->value);
    else if ((kind == WAIT_MUTEX || kind == WAIT_JOIN) && park->value > 0)
        fprintf(writer->out, ",\"owner_tid\":%d", park->value);
    else if (kind == WAIT_CHILD)
        fprintf(writer->out, ",\"child_pid\":%d", park->value);
    fputc('}', writer->out);
    end(writer);
}

/* Ends what the thread is at present. */
static void leave_state(struct writer *writer, struct track *track)
{
    char name[64];

    if (track->state == TRACK_RUNNING) {
        end_slice(writer, track->id, "running");
    } else if (track->state == TRACK_RUNNABLE) {
        end_slice(writer, track->id, "runnable");
    } else if (track->state == TRACK_PARKED) {
        park_name(name, sizeof(name), &track->parked);
        end_slice(writer, track->id, name);
    }
    track->state = TRACK_UNKNOWN;
}

static void enter_state(struct writer *writer, struct track *track, enum track_state state,
                        const struct trace_event *event)
{
    leave_state(writer, track);
    track->state = state;
    if (state == TRACK_GONE || state == TRACK_UNKNOWN)
        return;
    note_open(writer, track);
    if (state == TRACK_PARKED)
        track->parked = *event;
    if (state == TRACK_PARKED)
        begin_parked(writer, event, track->id);
    else if (state == TRACK_RUNNABLE && event != NULL)
        begin_runnable(writer, track->id, event);
    else
        begin_slice(writer, track->id, state == TRACK_RUNNABLE ? "runnable" : "running");
}

static void instant(struct writer *writer, uint64_t thread, const char *name, const char *arguments)
{
    begin(writer, 'i', thread);
    fprintf(writer->out, ",\"s\":\"t\",\"name\":\"%s\",\"args\":{%s}", name, arguments);
    end(writer);
}

static void arrow(struct writer *writer, const char *name, uint64_t from, uint64_t to)
{
    uint64_t id = ++writer->arrows;

    begin(writer, 's', from);
    fprintf(writer->out, ",\"cat\":\"wake\",\"name\":\"%s\",\"id\":%lu", name, id);
    end(writer);
    begin(writer, 'f', to);
    fprintf(writer->out, ",\"cat\":\"wake\",\"name\":\"%s\",\"id\":%lu,\"bp\":\"e\"", name, id);
    end(writer);
}

/* Made or woken. */
static void make_runnable(struct writer *writer, const struct trace_event *event)
{
    struct tracks *tracks = &writer->trace->tracks;
    bool made = event->type == TRACE_CREATE;
    bool known = event->object != 0 && track_of(tracks, event->object)->state == TRACK_RUNNING;

    enter_state(writer, track_of(tracks, event->thread), TRACK_RUNNABLE, made ? NULL : event);
    if (known)
        arrow(writer, made ? "create" : "wake", event->object, event->thread);
}

static void print_result(FILE *out, const struct trace_event *event)
{
    int64_t result = (int64_t)event->object;
    bool fd;

    fputs(",\"args\":{", out);
    traced_call_name(event->nr, &fd);
    if (fd)
        fprintf(out, "\"fd\":%d,", event->value);
    if (result < TRACE_RESULT_ELSEWHERE || result >= 0)
        fprintf(out, "\"result\":%ld}", result);
    else if (result > -512)
        fprintf(out, "\"result\":%ld,\"error\":\"%s\"}", result, strerrorname_np((int)-result));
    else
        fprintf(out, "\"result\":\"%s\"}",
                result == TRACE_RESULT_ELSEWHERE ? "made outside" : "interrupted");
}

static void called(struct writer *writer, const struct trace_event *event)
{
    char name[32];

    call_name(name, sizeof(name), event->nr);
    begin(writer, 'i', event->thread);
    fprintf(writer->out, ",\"s\":\"t\",\"cat\":\"call\",\"name\":\"%s\"", name);
    print_result(writer->out, event);
    end(writer);
}

/* A helper's call is no part of the thread's track: it has one of its own. */
static void offload(struct writer *writer, struct track *track, bool on, uint32_t nr)
{
    char name[32];

    if (track->offload == on)
        return;
    track->offload = on;
    note_open(writer, track);
    call_name(name, sizeof(name), nr);
    begin(writer, on ? 'b' : 'e', track->id);
    fprintf(writer->out, ",\"cat\":\"offload\",\"name\":\"%s\",\"id\":%lu", on ? name : "offload",
            track->id);
    end(writer);
}

static void close_all(struct writer *writer)
{
    for (size_t i = 0; i < writer->open_count; i++) {
        struct track *track = track_of(&writer->trace->tracks, writer->open[i]);

        leave_state(writer, track);
        offload(writer, track, false, 0);
        track->listed = false;
    }
    writer->open_count = 0;
}

static void preempted(struct writer *writer, const struct trace_event *event)
{
    char text[40] = "";

    if (event->object != 0)
        snprintf(text, sizeof(text), "\"pc\":\"0x%lx\"", event->object);
    instant(writer, event->thread, "preempted", text);
}

static void stalled(struct writer *writer, const struct trace_event *event)
{
    char text[40];

    snprintf(text, sizeof(text), "\"held_ms\":%lu", event->object / NSEC_PER_MSEC);
    instant(writer, event->thread, "stall", text);
}

static void write_event(struct writer *writer, const struct trace_event *event)
{
    struct track *track =
        event->thread != 0 ? track_of(&writer->trace->tracks, event->thread) : NULL;

    if (event->time > writer->now)
        writer->now = event->time;
    switch (track != NULL || event->type == TRACE_LOST ? event->type : 0) {
    case TRACE_CREATE:
    case TRACE_WAKE:
        make_runnable(writer, event);
        break;
    case TRACE_EXIT:
        instant(writer, event->thread, "exit", "");
        enter_state(writer, track, TRACK_GONE, NULL);
        break;
    case TRACE_RUN:
        enter_state(writer, track, TRACK_RUNNING, NULL);
        break;
    case TRACE_PARK:
        enter_state(writer, track, TRACK_PARKED, event);
        break;
    case TRACE_YIELD:
        enter_state(writer, track, TRACK_RUNNABLE, NULL);
        break;
    case TRACE_PREEMPT:
        preempted(writer, event);
        break;
    case TRACE_RETURN:
        if (event->kind & TRACE_RESUMED)
            enter_state(writer, track, TRACK_RUNNING, NULL);
        called(writer, event);
        break;
    case TRACE_OFFLOAD:
        offload(writer, track, true, event->nr);
        break;
    case TRACE_OFFLOAD_END:
        offload(writer, track, false, event->nr);
        break;
    case TRACE_STALL:
        stalled(writer, event);
        break;
    case TRACE_LOST:
        close_all(writer);
        break;
    }
}

static void write_text(FILE *out, const char *text)
{
    json_t *value = json_string(text);

    if (value == NULL)
        value = json_string("?"); /* not UTF-8 */
    json_dumpf(value, out, JSON_ENCODE_ANY);
    json_decref(value);
}

static bool is_shown(const struct track *track, bool silent_too)
{
    return track->id != 0 && (track->met || (silent_too && track->first != TRACK_UNKNOWN));
}

static void write_name(const struct trace *trace, FILE *out, const struct track *track)
{
    char name[CO_NAME_BYTES + 8];

    snprintf(name, sizeof(name), "%.15s", track->name[0] != '\0' ? track->name : "unnamed");
    fprintf(out,
            ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%lu,\"name\":\"thread_name\",\"args\":{"
            "\"name\":",
            (int)trace->pid, track->id);
    write_text(out, name);
    fprintf(out,
            "}},\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%lu,\"name\":\"thread_sort_index\","
            "\"args\":{\"sort_index\":%lu}}",
            (int)trace->pid, track->id, track->id);
}

/* All threads by name, and as they were when the trace began. */
static void write_start(struct writer *writer)
{
    struct trace *trace = writer->trace;
    size_t silent = 0;

    for (size_t i = 0; i < trace->tracks.room; i++)
        silent += trace->tracks.items[i].id != 0 && !trace->tracks.items[i].met;
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", writer->out);
    fprintf(writer->out, "{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\",\"args\":{\"name\":",
            (int)trace->pid);
    write_text(writer->out, trace->program);
    fputs("}}", writer->out);
    for (size_t i = 0; i < trace->tracks.room; i++)
        if (is_shown(&trace->tracks.items[i], silent <= SILENT_MAX))
            write_name(trace, writer->out, &trace->tracks.items[i]);
    for (size_t i = 0; i < trace->tracks.room; i++) {
        struct track *track = &trace->tracks.items[i];

        if (!is_shown(track, silent <= SILENT_MAX))
            continue;
        enter_state(writer, track, track->first, &track->parked);
    }
}

static void write_end(struct writer *writer)
{
    const struct trace *trace = writer->trace;

    if (trace->end > writer->now)
        writer->now = trace->end;
    close_all(writer);
    fprintf(writer->out, "\n],\"otherData\":{\"format\":1,\"events\":%lu,\"lost\":%lu}}\n",
            trace->events, trace->lost);
}

int trace_write_json(FILE *out, struct trace *trace)
{
    struct writer writer = { .out = out, .trace = trace, .now = trace->begin, .ns = 1 };
    struct progress progress = progress_begin("writing", "events");
    struct trace_event event;
    uint64_t done = 0;

    if (trace->end > trace->begin)
        writer.ns = (double)(trace->end_ns - trace->begin_ns) / (double)(trace->end - trace->begin);
    trace_rewind(trace);
    write_start(&writer);
    while (trace_next(trace, &event)) {
        write_event(&writer, &event);
        if (++done % 4096 == 0)
            progress_show(&progress, done, trace->events);
    }
    write_end(&writer);
    progress_end(&progress);
    free(writer.open);
    return ferror(trace->spool) || ferror(out) ? -1 : 0;
}
