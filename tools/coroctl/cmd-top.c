/* coroctl top: the busiest threads, again and again. */
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/text.h"
#include "tools/coroctl/top.h"

#define INTERVAL_S 1.0

static json_t *row_json(const struct top_row *row)
{
    const struct co_info *thread = row->thread;
    json_t *object = json_object();

    json_add(object, "id", json_integer((json_int_t)thread->id));
    json_add(object, "name", text_json(thread->name));
    json_add(object, "state", json_string(state_word(thread->state)));
    json_add(object, "state_ns", json_integer((json_int_t)thread->state_ns));
    json_add(object, "cpu_ns", json_integer((json_int_t)row->cpu_ns));
    json_add(object, "slices", json_integer((json_int_t)row->slices));
    json_add(object, "waits", json_integer((json_int_t)row->waits));
    json_add(object, "io_calls", json_integer((json_int_t)row->io_calls));
    json_add(object, "stack_used_bytes", json_integer((json_int_t)thread->stack_used_bytes));
    return object;
}

/* What happened in the interval, not from the start on as in list. */
static void print_exactly(const struct top *top, const struct settings *settings, bool first)
{
    uint64_t interval_ns = top->stat.uptime_ns - top->stat_before.uptime_ns;
    json_t *document, *rows;

    if (settings->plain && first)
        puts("INTERVAL_NS\tID\tNAME\tSTATE\tFOR_NS\tCPU_NS\tSLICES\tWAITS\tIO_CALLS\tSTACK_BYTES\t"
             "WAITS-ON");
    for (size_t i = 0; settings->plain && i < top->row_count; i++) {
        const struct top_row *row = &top->rows[i];

        printf("%lu\t%lu\t", interval_ns, row->thread->id);
        print_escaped(stdout, row->thread->name[0] != '\0' ? row->thread->name : "-");
        printf("\t%s\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t", state_word(row->thread->state),
               row->thread->state_ns, row->cpu_ns, row->slices, row->waits, row->io_calls,
               row->thread->stack_used_bytes);
        print_wait_exact(stdout, &top->threads, row->thread);
        putchar('\n');
    }
    fflush(stdout);
    if (settings->plain)
        return;
    document = json_document(top->connection->pid);
    rows = json_array();
    json_add(document, "interval_ns", json_integer((json_int_t)interval_ns));
    for (size_t i = 0; i < top->row_count; i++)
        json_array_append_new(rows, row_json(&top->rows[i]));
    json_add(document, "threads", rows);
    json_print_document(document);
}

/* For logs and pipes: the whole table each time, an empty line between. */
static int print_batch(struct top *top, const struct settings *settings, double interval_s)
{
    unsigned count = settings->count;
    struct timespec pause = { .tv_sec = (time_t)interval_s };
    int code = top_refresh(top);

    pause.tv_nsec = (long)((interval_s - (double)pause.tv_sec) * NSEC_PER_SEC);
    for (unsigned look = 0; code == EXIT_OK && (count == 0 || look < count); look++) {
        nanosleep(&pause, NULL);
        code = top_refresh(top);
        if (code != EXIT_OK)
            break;
        if (settings->json || settings->plain) {
            print_exactly(top, settings, look == 0);
            continue;
        }
        if (look > 0)
            putchar('\n');
        top_print_summary(stdout, top);
        putchar('\n');
        top_print_head(stdout);
        putchar('\n');
        for (size_t i = 0; i < top->row_count; i++) {
            top_print_row(stdout, top, &top->rows[i]);
            putchar('\n');
        }
        fflush(stdout);
    }
    return code;
}

static int top_run(const struct settings *settings)
{
    static struct connection connection;
    struct top top = { .connection = &connection, .tree = settings->tree };
    double interval_s = settings->interval_s > 0 ? settings->interval_s : INTERVAL_S;
    bool batch = settings->batch || settings->json || settings->plain;
    int code;

    if (settings->sort != NULL)
        top.order = top_order_of(settings->sort);
    if (top.order == TOP_ORDERS) {
        error(0, 0, "'%s' is no order of threads: cpu, switches, waits, io, time, stack or id",
              settings->sort);
        return EXIT_USAGE;
    }
    if (!batch && settings->count > 0) {
        error(0, 0, "top -n needs --batch");
        return EXIT_USAGE;
    }
    if (!batch && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
        error(0, 0, "top needs a terminal, or --batch");
        return EXIT_USAGE;
    }
    code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK)
        return code;
    if (batch)
        code = print_batch(&top, settings, interval_s);
    else
        code = top_screen(&top, interval_s);
    connection_close(&connection);
    top_free(&top);
    return code;
}

static const struct argp_option top_options[] = {
    OPTION_PROCESS,
    { "interval", 'i', "TIME", 0, "Look every so often (1)", 0 },
    { "batch", KEY_BATCH, NULL, 0, "Print the tables one after another, for logs and pipes", 0 },
    { "count", 'n', "N", 0, "With --batch: stop after N tables", 0 },
    { "sort", KEY_SORT, "ORDER", 0,
      "The most first: cpu (unless given), switches, waits, io, time (in the state), stack; or id",
      0 },
    { "tree", KEY_TREE, NULL, 0, "Put threads below the one that created them", 0 },
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_top = {
    .name = "top",
    .summary = "show the busiest threads, live",
    .description =
        "Keys: c, s, p, o, t, m, i sort by CPU, switches, waits (parks), I/O calls, time in state, "
        "stack (memory), id; f filters by name; T shows a tree; arrows choose a thread and w "
        "shows where it is; space looks again; q quits.",
    .options = top_options,
    .run = top_run,
};
