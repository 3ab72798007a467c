/* A trace: the events of a process, and what is known of its threads beside them. */
#ifndef COROCTL_TRACE_H
#define COROCTL_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/co_info.h"
#include "runtime/trace_info.h"
#include "tools/coroctl/process.h"
#include "tools/coroctl/threads.h"

/* tracks.c: one track for each thread that the trace or a listing has met. */

enum track_state { TRACK_UNKNOWN, TRACK_RUNNING, TRACK_RUNNABLE, TRACK_PARKED, TRACK_GONE };

struct track {
    uint64_t id; /* 0: this place of the table is free */
    char name[CO_NAME_BYTES];
    enum track_state first;    /* before its first event */
    bool met;                  /* it has an event */
    struct trace_event parked; /* how it is parked; at first: was, before its first event */

    /* While it is written. */
    enum track_state state;
    bool listed; /* among those that have something open */
    bool offload;
};

struct tracks {
    struct track *items;
    size_t room, count; /* room is a power of two */
};

/* The track of thread @id, made when there is none. */
struct track *track_of(struct tracks *tracks, uint64_t id);

/* Names, and what threads waited on that are parked; @first: before the trace. */
void tracks_learn(struct tracks *tracks, const struct threads *threads, bool first);

/* What one event says about how its thread was before. */
void tracks_meet(struct tracks *tracks, const struct trace_event *event);

void tracks_free(struct tracks *tracks);

/* trace_spool.c: the events, raw, until the trace is over. */

struct trace {
    pid_t pid;
    const char *program;
    uint64_t begin, end;       /* by the clock of the events */
    uint64_t begin_ns, end_ns; /* the same, CLOCK_MONOTONIC */

    int ring;             /* descriptor of the memory that the process writes events to */
    uint64_t ring_events; /* so many at a time */
    uint64_t taken;       /* number of the next to be read */
    uint64_t last;        /* the time of the one before it */

    FILE *spool;                /* struct trace_event after struct trace_event */
    struct trace_event *stalls; /* which belong among those by their time */
    size_t stall_count, next_stall;
    struct trace_event ahead; /* the spool's next, if... */
    bool has_ahead;           /* ...this */

    uint64_t events, lost;
    struct tracks tracks;
};

/* Takes the ring that a reply tells of. Returns an enum exit_code, having said why, as the next does. */
int trace_begin(struct trace *trace, struct connection *connection);

/* Takes what a reply and the ring have, into the spool. */
int trace_take(struct trace *trace, const struct connection *connection);

/* Nobody tells how far the ring is filled, for the process has ended: as far as time goes on in it. */
int trace_take_after_end(struct trace *trace);

/* Goes through the events in the order of time, from the first. trace_next returns false at the end. */
void trace_rewind(struct trace *trace);
bool trace_next(struct trace *trace, struct trace_event *event);

/* Counts the events, and learns from them how threads were before. */
void trace_survey(struct trace *trace);

void trace_free(struct trace *trace);

/* trace_json.c: Chrome's trace-event format, which Perfetto reads too. */

/* Writes @trace to @out. Returns 0, or -1 with errno when reading or writing failed. */
int trace_write_json(FILE *out, struct trace *trace);

/* The name of a call that a trace shows, or NULL; @fd: whether its first argument is a descriptor. */
const char *traced_call_name(uint32_t number, bool *fd);

#endif
