/* coroctl top: the busiest threads, again and again. */
#include <error.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/top.h"

#define INTERVAL_S 1.0

/* For logs and pipes: the whole table each time, an empty line between. */
static int print_batch(struct top *top, double interval_s, unsigned count)
{
    struct timespec pause = { .tv_sec = (time_t)interval_s };
    int code = top_refresh(top);

    pause.tv_nsec = (long)((interval_s - (double)pause.tv_sec) * NSEC_PER_SEC);
    for (unsigned look = 0; code == EXIT_OK && (count == 0 || look < count); look++) {
        nanosleep(&pause, NULL);
        code = top_refresh(top);
        if (code != EXIT_OK)
            break;
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
    int code;

    if (!settings->batch && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
        error(0, 0, "top needs a terminal, or --batch");
        return EXIT_USAGE;
    }
    code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK)
        return code;
    if (settings->batch)
        code = print_batch(&top, interval_s, settings->count);
    else
        code = top_screen(&top, interval_s);
    connection_close(&connection);
    top_free(&top);
    return code;
}

static const struct argp_option top_options[] = {
    OPTION_PROCESS,
    { "interval", 'i', "SECONDS", 0, "Look every so often (1)", 0 },
    { "batch", KEY_BATCH, NULL, 0, "Print the tables one after another, for logs and pipes", 0 },
    { "count", 'n', "N", 0, "With --batch: stop after N tables", 0 },
    { "tree", KEY_TREE, NULL, 0, "Put threads below the one that created them", 0 },
    { 0 },
};

const struct command command_top = {
    .name = "top",
    .summary = "show the busiest threads, live",
    .description =
        "Keys: c, s, t, m, i sort by CPU, switches, time in state, stack (memory), id; f "
        "filters by name; T shows a tree; arrows choose a thread and w shows where it "
        "is; space looks again; q quits.",
    .options = top_options,
    .run = top_run,
};
