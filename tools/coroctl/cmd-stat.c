/* coroctl stat: figures of a process, once or every few seconds. */
#include <ctype.h>
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base.h"
#include "runtime/stat.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/text.h"

#define HEADER_EVERY 20

static const struct figure {
    const char *name; /* of the JSON member and the metric */
    const char *help;
    size_t offset;
    bool counter; /* of events; else a level or an age */
    bool ns;      /* a time: seconds for Prometheus */
} figures[] = {
    { "uptime_ns", "time since the first thread was made", offsetof(struct runtime_stat, uptime_ns),
      false, true },
    { "threads", "live threads", offsetof(struct runtime_stat, threads), false, false },
    { "threads_created", "threads made", offsetof(struct runtime_stat, threads_created), true,
      false },
    { "runnable", "threads that wait for their turn", offsetof(struct runtime_stat, runnable),
      false, false },
    { "switches", "switches between threads", offsetof(struct runtime_stat, switches), true,
      false },
    { "preemptions", "ends of slices", offsetof(struct runtime_stat, preemptions), true, false },
    { "stalls", "times that one thread held the others up beyond the limit",
      offsetof(struct runtime_stat, stalls), true, false },
    { "timers", "pending timers", offsetof(struct runtime_stat, timers), false, false },
    { "helpers", "helper kernel threads", offsetof(struct runtime_stat, helpers), false, false },
    { "carrier_cpu_ns", "CPU time of the kernel thread that runs the threads",
      offsetof(struct runtime_stat, carrier_cpu_ns), true, true },
    { "io_calls", "reads, writes, accepts, polls and their kin",
      offsetof(struct runtime_stat, io_calls), true, false },
    { "polls", "times that the kernel was asked what is ready",
      offsetof(struct runtime_stat, polls), true, false },
    { "poll_events", "descriptors that became ready", offsetof(struct runtime_stat, poll_events),
      true, false },
};

static uint64_t value_of(const struct runtime_stat *stat, const struct figure *figure)
{
    uint64_t value;

    memcpy(&value, (const char *)stat + figure->offset, sizeof(value));
    return value;
}

int stat_fetch(struct connection *connection, struct runtime_stat *stat)
{
    int code = connection_ask(connection, FRAME_STAT, NULL, 0, sizeof(uint64_t));
    size_t bytes = connection->body_bytes < sizeof(*stat) ? connection->body_bytes : sizeof(*stat);

    memset(stat, 0, sizeof(*stat));
    if (code == EXIT_OK)
        memcpy(stat, connection->body, bytes);
    return code;
}

static void print_json(pid_t pid, const struct runtime_stat *stat)
{
    json_t *object = json_document(pid);

    for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
        json_object_set_new(object, figures[i].name,
                            json_integer((json_int_t)value_of(stat, &figures[i])));
    json_print_document(object);
}

/* The text format that Prometheus scrapes: times in seconds, counters end in _total. */
static void print_prometheus(const struct connection *connection, const char *program,
                             const struct runtime_stat *stat)
{
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        const struct figure *figure = &figures[i];
        int stem = (int)strlen(figure->name) - (figure->ns ? 3 : 0);
        char name[64];

        snprintf(name, sizeof(name), "coroshim_%.*s%s%s", stem, figure->name,
                 figure->ns ? "_seconds" : "", figure->counter ? "_total" : "");
        printf("# HELP %s %s\n# TYPE %s %s\n%s{pid=\"%d\",program=\"", name, figure->help, name,
               figure->counter ? "counter" : "gauge", name, (int)connection->pid);
        print_escaped(stdout, program);
        if (figure->ns)
            printf("\"} %.9f\n", (double)value_of(stat, figure) / NSEC_PER_SEC);
        else
            printf("\"} %lu\n", value_of(stat, figure));
    }
}

/* Exact figures; @by_row: each on a line. */
static void print_plain(const struct runtime_stat *stat, bool by_row, bool head)
{
    for (size_t i = 0; by_row && i < ARRAY_SIZE(figures); i++)
        printf("%s%s\t%lu\n", i == 0 ? "NAME\tVALUE\n" : "", figures[i].name,
               value_of(stat, &figures[i]));
    for (size_t i = 0; !by_row && head && i < ARRAY_SIZE(figures); i++) {
        for (const char *c = figures[i].name; *c != '\0'; c++)
            putchar(toupper((unsigned char)*c));
        putchar(i + 1 < ARRAY_SIZE(figures) ? '\t' : '\n');
    }
    for (size_t i = 0; !by_row && i < ARRAY_SIZE(figures); i++)
        printf("%lu%s", value_of(stat, &figures[i]), i + 1 < ARRAY_SIZE(figures) ? "\t" : "\n");
    fflush(stdout);
}

static void print_all(const struct runtime_stat *stat)
{
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        char name[32];

        snprintf(name, sizeof(name), "%.*s", (int)strlen(figures[i].name) - (figures[i].ns ? 3 : 0),
                 figures[i].name);
        printf("%-16s ", name);
        if (figures[i].ns)
            print_duration(stdout, value_of(stat, &figures[i]));
        else
            printf("%lu", value_of(stat, &figures[i]));
        putchar('\n');
    }
}

/* What happened between two readings, per second. */
static void print_interval(const struct runtime_stat *before, const struct runtime_stat *now,
                           unsigned line)
{
    double seconds = (double)(now->uptime_ns - before->uptime_ns) / NSEC_PER_SEC;
    uint64_t polls = now->polls - before->polls;

    if (seconds <= 0)
        return;
    if (line % HEADER_EVERY == 0)
        puts(" threads  runnable  made/s   switches/s  preempt/s  timers  helpers   cpu%"
             "       io/s    polls/s  events/poll");
    printf("%8lu %9lu %7.0f %12.0f %10.0f %7lu %8lu %6.1f %10.0f %10.0f %12.1f\n", now->threads,
           now->runnable, (double)(now->threads_created - before->threads_created) / seconds,
           (double)(now->switches - before->switches) / seconds,
           (double)(now->preemptions - before->preemptions) / seconds, now->timers, now->helpers,
           (double)(now->carrier_cpu_ns - before->carrier_cpu_ns) / 1e7 / seconds,
           (double)(now->io_calls - before->io_calls) / seconds, (double)polls / seconds,
           polls > 0 ? (double)(now->poll_events - before->poll_events) / (double)polls : 0);
    fflush(stdout);
}

static int print_intervals(struct connection *connection, const struct settings *settings,
                           struct runtime_stat *before)
{
    double interval = settings->interval_s;
    struct timespec pause = { .tv_sec = (time_t)interval };

    pause.tv_nsec = (long)((interval - (double)pause.tv_sec) * NSEC_PER_SEC);
    for (unsigned line = 0; settings->count == 0 || line < settings->count; line++) {
        struct runtime_stat now;
        int code;

        nanosleep(&pause, NULL);
        code = stat_fetch(connection, &now);
        if (code != EXIT_OK)
            return code;
        if (settings->json)
            print_json(connection->pid, &now);
        else if (settings->plain)
            print_plain(&now, false, line == 0);
        else
            print_interval(before, &now, line);
        *before = now;
    }
    return EXIT_OK;
}

static int stat_run(const struct settings *settings)
{
    static struct connection connection;
    struct runtime_stat stat;
    int code;

    if (settings->count > 0 && settings->interval_s <= 0) {
        error(0, 0, "stat -n needs -i");
        return EXIT_USAGE;
    }
    code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK)
        return code;
    code = stat_fetch(&connection, &stat);
    if (code == EXIT_OK && settings->interval_s > 0)
        code = print_intervals(&connection, settings, &stat);
    else if (code == EXIT_OK && settings->json)
        print_json(connection.pid, &stat);
    else if (code == EXIT_OK && settings->prometheus)
        print_prometheus(&connection, connection.name, &stat);
    else if (code == EXIT_OK && settings->plain)
        print_plain(&stat, true, true);
    else if (code == EXIT_OK)
        print_all(&stat);
    connection_close(&connection);
    return code;
}

static const struct argp_option stat_options[] = {
    OPTION_PROCESS,
    { "interval", 'i', "TIME", 0, "Print a line every so often, with rates, until stopped", 0 },
    { "count", 'n', "N", 0, "Stop after N lines", 0 },
    { "prometheus", KEY_PROMETHEUS, NULL, 0, "Print the figures for Prometheus to scrape", 0 },
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_stat = {
    .name = "stat",
    .summary = "print figures of a process",
    .description = "Threads, switches, preemptions, timers, helpers, CPU time, I/O calls, and the "
                   "loop's polls.",
    .options = stat_options,
    .run = stat_run,
};
