/* coroctl trace: what every thread does, event by event, for a while.
 *
 * While the trace is on, events are only copied to a nameless file; the trace is written afterwards,
 * when there is no hurry and all names are known. The program may end meanwhile, and who looks may end
 * the trace by SIGINT: both leave a trace of the time so far. */
#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/text.h"
#include "tools/coroctl/progress.h"
#include "tools/coroctl/trace.h"

#define SECONDS  5.0
#define PAUSE_NS (10 * NSEC_PER_MSEC)

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static int ask(struct connection *connection, enum trace_operation operation)
{
    struct trace_request request = { .operation = operation };

    return connection_ask(connection, FRAME_TRACE, &request, sizeof(request),
                          sizeof(struct trace_reply));
}

/* Copies the events of one reply to the spool. Returns an enum exit_code, having said why. */
static int keep(const struct connection *connection, struct trace *trace)
{
    const struct trace_reply *reply = (const struct trace_reply *)connection->body;
    const struct trace_event *events = (const struct trace_event *)(reply + 1);

    if (reply->event_bytes != sizeof(*events) ||
        (connection->body_bytes - sizeof(*reply)) / sizeof(*events) < reply->count) {
        error(0, 0, "process %d answers nonsense: is it coroshim's?", (int)connection->pid);
        return EXIT_PROTOCOL;
    }
    for (uint32_t i = 0; i < reply->count; i++) {
        if (events[i].time < trace->begin)
            continue; /* of the trace before */
        tracks_meet(&trace->tracks, &events[i]);
        trace->lost += events[i].type == TRACE_LOST ? events[i].object : 0;
        trace->events++;
        if (fwrite(&events[i], sizeof(events[i]), 1, trace->spool) != 1) {
            error(0, errno, "temporary file");
            return EXIT_FAILED;
        }
    }
    trace->end = reply->now;
    trace->end_ns = reply->now_ns;
    return EXIT_OK;
}

/* True: the user wants it to end. */
static bool pause_for(uint64_t ns)
{
    const struct timespec time = { .tv_nsec = (long)ns };
    sigset_t end;

    sigemptyset(&end);
    sigaddset(&end, SIGINT);
    sigaddset(&end, SIGTERM);
    return sigtimedwait(&end, NULL, &time) > 0;
}

/* Reads until there is nothing left at @until_ns. */
static int read_until(struct connection *connection, struct trace *trace, uint64_t until_ns,
                      struct progress *progress)
{
    int code;
    bool more, ended = false;

    do {
        code = ask(connection, TRACE_READ);
        if (code == EXIT_OK)
            code = keep(connection, trace);
        more = connection->flags & FRAME_MORE;
        progress_show(progress, (trace->end_ns - trace->begin_ns) / NSEC_PER_SEC,
                      (until_ns - trace->begin_ns) / NSEC_PER_SEC);
        ended = code == EXIT_OK && pause_for(more ? 0 : PAUSE_NS);
    } while (code == EXIT_OK && !ended && now_ns() < until_ns);
    return code;
}

static int read_rest(struct connection *connection, struct trace *trace)
{
    int code = ask(connection, TRACE_STOP);

    while (code == EXIT_OK) {
        code = ask(connection, TRACE_READ);
        if (code == EXIT_OK)
            code = keep(connection, trace);
        if (!(connection->flags & FRAME_MORE))
            break;
    }
    return code;
}

static int learn(struct connection *connection, struct trace *trace, bool first)
{
    struct threads threads;
    int code = threads_fetch(connection, &threads);

    if (code != EXIT_OK)
        return code;
    tracks_learn(&trace->tracks, &threads, first);
    threads_free(&threads);
    return EXIT_OK;
}

/* Once the trace is on, the end of the program ends it, and is no failure. */
static int record(struct connection *connection, struct trace *trace, double seconds)
{
    struct progress progress = progress_begin("tracing", "s");
    const struct trace_reply *reply;
    uint64_t until_ns;
    int code = ask(connection, TRACE_START);

    if (code != EXIT_OK)
        return code;
    reply = (const struct trace_reply *)connection->body;
    trace->begin = trace->end = reply->now;
    trace->begin_ns = trace->end_ns = reply->now_ns;
    until_ns = trace->begin_ns + (uint64_t)(seconds * NSEC_PER_SEC);
    connection->may_end = true;
    code = learn(connection, trace, true);
    if (code == EXIT_OK)
        code = read_until(connection, trace, until_ns, &progress);
    if (code == EXIT_OK)
        code = read_rest(connection, trace);
    if (code == EXIT_OK)
        code = learn(connection, trace, false);
    progress_end(&progress);
    return connection->ended ? EXIT_OK : code;
}

static void print_exactly(const struct trace *trace, const struct settings *settings)
{
    uint64_t time_ns = trace->end_ns - trace->begin_ns;
    json_t *document;

    if (settings->plain) {
        printf("OUTPUT\tEVENTS\tTHREADS\tTIME_NS\tLOST\n%s\t%lu\t%zu\t%lu\t%lu\n", settings->output,
               trace->events, trace->tracks.count, time_ns, trace->lost);
        return;
    }
    document = json_document(trace->pid);
    json_add(document, "output", text_json(settings->output));
    json_add(document, "events", json_integer((json_int_t)trace->events));
    json_add(document, "threads", json_integer((json_int_t)trace->tracks.count));
    json_add(document, "time_ns", json_integer((json_int_t)time_ns));
    json_add(document, "lost", json_integer((json_int_t)trace->lost));
    json_print_document(document);
}

static int write_trace(struct trace *trace, const struct settings *settings,
                       const struct connection *connection)
{
    FILE *out = fopen(settings->output, "w");

    if (out == NULL) {
        error(0, errno, "%s", settings->output);
        return EXIT_FAILED;
    }
    if (trace_write_json(out, trace) != 0 || fclose(out) != 0) {
        error(0, errno, "%s", settings->output);
        return EXIT_FAILED;
    }
    if (settings->json || settings->plain) {
        print_exactly(trace, settings);
        return EXIT_OK;
    }
    printf("%s: %lu events of %zu threads in %.1f s", settings->output, trace->events,
           trace->tracks.count, (double)(trace->end_ns - trace->begin_ns) / NSEC_PER_SEC);
    if (trace->lost > 0)
        printf(", %lu more were lost", trace->lost);
    if (connection->ended)
        fputs("; then the program ended", stdout);
    putchar('\n');
    return EXIT_OK;
}

static void hold_signals(void)
{
    sigset_t held;

    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, NULL);
}

static void release_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int trace_run(const struct settings *settings)
{
    static struct connection connection;
    struct trace trace = { 0 };
    int code;

    if (settings->output == NULL) {
        error(0, 0, "trace needs -o FILE.json");
        return EXIT_USAGE;
    }
    code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK)
        return code;
    trace.pid = connection.pid;
    trace.program = connection.name;
    trace.spool = tmpfile();
    if (trace.spool == NULL)
        error(EXIT_FAILED, errno, "temporary file");
    hold_signals();
    code = record(&connection, &trace, settings->time_s > 0 ? settings->time_s : SECONDS);
    release_signals();
    if (code == EXIT_OK)
        code = write_trace(&trace, settings, &connection);
    connection_close(&connection);
    fclose(trace.spool);
    tracks_free(&trace.tracks);
    return code;
}

static const struct argp_option trace_options[] = {
    OPTION_PROCESS,
    { "output", 'o', "FILE", 0, "Write the trace to FILE", 0 },
    { "time", KEY_TIME, "TIME", 0, "Trace for so long (5), or until SIGINT", 0 },
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_trace = {
    .name = "trace",
    .summary = "record what every thread does, to look at in Perfetto",
    .description = "Switches, waits, wakes, calls, preemptions and stalls, in the JSON that "
                   "ui.perfetto.dev opens.",
    .options = trace_options,
    .run = trace_run,
};
