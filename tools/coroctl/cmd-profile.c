/* coroctl profile: where the time goes, by looking many times a second.
 *
 * On the CPU: the stack of whichever thread runs. Off it: the stacks of all that wait, each look
 * counting for the time since the last. */
#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/profile.h"
#include "tools/coroctl/progress.h"
#include "tools/coroctl/text.h"

#define ON_CPU_HZ  99 /* not in step with what happens every 10 ms */
#define OFF_CPU_HZ 10
#define SECONDS    5.0

struct sampling {
    struct connection *connection;
    struct profile_node *root;
    uint64_t looks, idle;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static const char *name_of(const struct co_info *thread)
{
    return thread != NULL && thread->name[0] != '\0' ? thread->name : "unnamed";
}

static int look_on_cpu(struct sampling *sampling, struct threads *threads)
{
    struct stacks stacks = { 0 };
    int code = stacks_fetch(sampling->connection, STACK_OF_RUNNING, &stacks);

    if (code == EXIT_OK && stacks.count > 0 && threads_by_id(threads, stacks.items[0].id) == NULL) {
        threads_free(threads);
        code = threads_fetch(sampling->connection, threads);
    }
    if (code == EXIT_OK && stacks.count > 0)
        profile_add(sampling->root, name_of(threads_by_id(threads, stacks.items[0].id)),
                    &stacks.items[0], NULL, 1);
    else
        sampling->idle++;
    stacks_free(&stacks);
    return code;
}

static int look_off_cpu(struct sampling *sampling, struct threads *threads)
{
    struct stacks stacks = { 0 };
    int code = stacks_fetch(sampling->connection, 0, &stacks);

    threads_free(threads);
    if (code == EXIT_OK)
        code = threads_fetch(sampling->connection, threads);
    for (size_t i = 0; code == EXIT_OK && i < stacks.count; i++) {
        const struct co_info *thread = threads_by_id(threads, stacks.items[i].id);
        char leaf[32];

        if (thread == NULL || thread->state != CO_PARKED)
            continue;
        snprintf(leaf, sizeof(leaf), "[%s]", wait_word(thread->wait_kind));
        profile_add(sampling->root, name_of(thread), &stacks.items[i], leaf, 1);
    }
    stacks_free(&stacks);
    return code;
}

static int sample(struct sampling *sampling, const struct settings *settings, double seconds)
{
    unsigned hz = settings->hz > 0 ? settings->hz : settings->off_cpu ? OFF_CPU_HZ : ON_CPU_HZ;
    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * NSEC_PER_SEC), next = start;
    struct progress progress = progress_begin("looking", "s");
    struct threads threads = { 0 };
    int code = EXIT_OK;

    while (code == EXIT_OK && next < end && !sampling->connection->by_memory) {
        struct timespec until = { .tv_sec = (time_t)(next / NSEC_PER_SEC),
                                  .tv_nsec = (long)(next % NSEC_PER_SEC) };

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        code =
            settings->off_cpu ? look_off_cpu(sampling, &threads) : look_on_cpu(sampling, &threads);
        if (sampling->connection->by_memory)
            break;
        sampling->looks++;
        next += NSEC_PER_SEC / hz;
        if (next < now_ns())
            next = now_ns(); /* a slow look delays the next one, and adds none */
        progress_show(&progress, (now_ns() - start) / NSEC_PER_SEC, (uint64_t)seconds);
    }
    progress_end(&progress);
    threads_free(&threads);
    return code;
}

/* A process that is stopped shows its memory, where nothing moves. Returns an enum exit_code. */
static int judge(const struct sampling *sampling)
{
    if (!sampling->connection->by_memory)
        return EXIT_OK;
    if (sampling->looks == 0) {
        error(0, 0, "process %d is stopped: there is nothing to sample",
              (int)sampling->connection->pid);
        return EXIT_FAILED;
    }
    error(0, 0, "process %d was stopped: the profile is of the time before",
          (int)sampling->connection->pid);
    return EXIT_OK;
}

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static void print_plain(const struct sampling *sampling, const struct profile_table *table)
{
    puts("FUNCTION\tSELF\tTOTAL");
    if (sampling->idle > 0)
        printf("<wait>\t%lu\t%lu\n", sampling->idle, sampling->idle);
    for (size_t i = 0; i < table->count; i++)
        printf("%s\t%lu\t%lu\n", table->rows[i].name, table->rows[i].self, table->rows[i].total);
}

static json_t *functions_json(const struct profile_table *table)
{
    json_t *functions = json_array();

    for (size_t i = 0; i < table->count; i++) {
        json_t *function = json_object();

        json_add(function, "function", text_json(table->rows[i].name));
        json_add(function, "self", json_integer((json_int_t)table->rows[i].self));
        json_add(function, "total", json_integer((json_int_t)table->rows[i].total));
        json_array_append_new(functions, function);
    }
    return functions;
}

static void print_exactly(const struct sampling *sampling, const struct settings *settings)
{
    struct profile_table table = profile_functions(sampling->root);
    json_t *document;

    if (settings->plain) {
        print_plain(sampling, &table);
        free(table.rows);
        return;
    }
    document = json_document(sampling->connection->pid);
    json_add(document, "output",
             settings->output != NULL ? text_json(settings->output) : json_null());
    json_add(document, "samples", json_integer((json_int_t)sampling->root->total));
    json_add(document, "looks", json_integer((json_int_t)sampling->looks));
    json_add(document, "idle", json_integer((json_int_t)sampling->idle));
    json_add(document, "functions", functions_json(&table));
    json_print_document(document);
    free(table.rows);
}

static void write_report(FILE *out, const struct sampling *sampling,
                         const struct settings *settings, const char *title)
{
    const struct profile_summary summary = {
        .title = title,
        .looks = sampling->looks,
        .idle = settings->off_cpu ? 0 : sampling->idle,
        .whole = sampling->root->total + (settings->off_cpu ? 0 : sampling->idle),
        .waits = settings->off_cpu,
    };

    profile_write_report(out, sampling->root, &summary);
}

/* Returns 0, or -1 with errno. */
static int write_file(const struct sampling *sampling, const struct settings *settings,
                      const char *title)
{
    FILE *out = fopen(settings->output, "w");

    if (out == NULL)
        return -1;
    if (ends_in(settings->output, ".svg"))
        profile_write_svg(out, sampling->root, title, settings->compare_with != NULL);
    else if (ends_in(settings->output, ".txt"))
        write_report(out, sampling, settings, title);
    else
        profile_write_folded(out, sampling->root);
    return ferror(out) != 0 || fclose(out) != 0 ? -1 : 0;
}

static int write_profile(const struct sampling *sampling, const struct settings *settings,
                         const char *program)
{
    char title[128];

    snprintf(title, sizeof(title), "%s (%d): %s", program, (int)sampling->connection->pid,
             settings->off_cpu ? "where threads wait" : "where CPU time goes");
    if (settings->output != NULL && write_file(sampling, settings, title) != 0) {
        error(0, errno, "%s", settings->output);
        return EXIT_FAILED;
    }
    if (settings->json || settings->plain) {
        print_exactly(sampling, settings);
        return EXIT_OK;
    }
    if (settings->output == NULL) {
        write_report(stdout, sampling, settings, title);
        return EXIT_OK;
    }
    printf("%s: %lu samples in %lu looks", settings->output, sampling->root->total,
           sampling->looks);
    if (!settings->off_cpu)
        printf(", %lu of them idle", sampling->idle);
    putchar('\n');
    return EXIT_OK;
}

static int profile_run(const struct settings *settings)
{
    static struct connection connection;
    struct sampling sampling = { .connection = &connection, .root = profile_new() };
    int code;

    if (settings->compare_with != NULL &&
        (settings->output == NULL || !ends_in(settings->output, ".svg"))) {
        error(0, 0, "profile --diff colours a flame graph: it needs -o FILE.svg");
        return EXIT_USAGE;
    }
    if (settings->compare_with != NULL &&
        profile_read_before(settings->compare_with, sampling.root) != 0)
        return EXIT_FAILED;
    code = connection_choose(settings->process, &connection);
    if (code == EXIT_OK)
        code = image_open(connection.pid);
    if (code != EXIT_OK)
        return code;
    code = sample(&sampling, settings, settings->time_s > 0 ? settings->time_s : SECONDS);
    if (code == EXIT_OK)
        code = judge(&sampling);
    if (code == EXIT_OK)
        code = write_profile(&sampling, settings, connection.name);
    image_close();
    connection_close(&connection);
    profile_free(sampling.root);
    return code;
}

static const struct argp_option profile_options[] = {
    OPTION_PROCESS,
    { "output", 'o', "FILE", 0,
      "Write a flame graph (FILE.svg), folded stacks (FILE.folded) or the report (FILE.txt)", 0 },
    { "time", KEY_TIME, "TIME", 0, "Look for so long (5)", 0 },
    { "off-cpu", KEY_OFF_CPU, NULL, 0, "Count where threads wait, not what they compute", 0 },
    { "hz", KEY_HZ, "N", 0, "Look N times a second (99; 10 with --off-cpu)", 0 },
    { "diff", KEY_DIFF, "OLD", 0, "Colour by the change since the folded stacks in OLD", 0 },
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_profile = {
    .name = "profile",
    .summary = "sample where the threads spend their time",
    .description = "Prints a report: what each function costs itself and with all it calls, and "
                   "who calls whom. "
                   "The program goes on meanwhile; each look interrupts it for some microseconds.",
    .options = profile_options,
    .run = profile_run,
};
