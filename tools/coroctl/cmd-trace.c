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

#define SECONDS      5.0
#define PAUSE_MIN_NS (10 * NSEC_PER_MSEC)
#define PAUSE_MAX_NS (100 * NSEC_PER_MSEC) /* half of what the ring has room for when all is busy */
#define FEW          32 /* one part of the ring in so many is filled seldom enough */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static int ask(struct connection *connection, enum trace_operation operation, uint64_t taken)
{
    struct trace_request request = { .operation = operation, .taken = taken };

    return connection_ask(connection, FRAME_TRACE, &request, sizeof(request),
                          sizeof(struct trace_reply));
}

static int read_once(struct connection *connection, struct trace *trace)
{
    int code = ask(connection, TRACE_READ, trace->taken);

    return code == EXIT_OK ? trace_take(trace, connection) : code;
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

/* Each question wakes the monitor of the traced program: seldom while the ring fills slowly. */
static uint64_t next_pause(const struct trace *trace, uint64_t pause_ns, uint64_t count)
{
    if (count < trace->ring_events / FEW)
        pause_ns *= 2;
    else if (count > trace->ring_events / FEW * 4)
        pause_ns /= 2;
    return pause_ns < PAUSE_MIN_NS   ? PAUSE_MIN_NS
           : pause_ns > PAUSE_MAX_NS ? PAUSE_MAX_NS
                                     : pause_ns;
}

static int read_until(struct connection *connection, struct trace *trace, uint64_t until_ns,
                      struct progress *progress)
{
    uint64_t pause_ns = PAUSE_MIN_NS, before;
    bool ended = false;
    int code;

    do {
        before = trace->taken;
        code = read_once(connection, trace);
        pause_ns = next_pause(trace, pause_ns, trace->taken - before);
        progress_show(progress, (trace->end_ns - trace->begin_ns) / NSEC_PER_SEC,
                      (until_ns - trace->begin_ns) / NSEC_PER_SEC);
        ended = code == EXIT_OK && pause_for(pause_ns);
    } while (code == EXIT_OK && !ended && now_ns() < until_ns);
    return code;
}

static int read_rest(struct connection *connection, struct trace *trace)
{
    int code = ask(connection, TRACE_STOP, 0);

    while (code == EXIT_OK) {
        code = read_once(connection, trace);
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
    uint64_t until_ns;
    int code = ask(connection, TRACE_START, 0);

    if (code == EXIT_OK)
        code = trace_begin(trace, connection);
    if (code != EXIT_OK)
        return code;
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
    return connection->ended ? trace_take_after_end(trace) : code;
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
    trace_survey(trace);
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
    struct trace trace = { .ring = -1 };
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
    hold_signals();
    code = record(&connection, &trace, settings->time_s > 0 ? settings->time_s : SECONDS);
    release_signals();
    if (code == EXIT_OK)
        code = write_trace(&trace, settings, &connection);
    connection_close(&connection);
    trace_free(&trace);
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
