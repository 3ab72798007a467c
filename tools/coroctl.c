/* coroctl: look at the live threads of programs under coroshim.
 *
 * This file finds the subcommand and reads its options; each subcommand is one file in
 * tools/coroctl/. Everything a command learns comes over the control socket of the process. */
#include <errno.h>
#include <error.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"
#include "shim/version.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/errand.h"

const char *argp_program_version = "coroctl (coroshim) " CORO_VERSION;

static const struct command *find_command(const char *name)
{
    for (const struct command *const *at = commands_all(); *at != NULL; at++)
        if (strcmp((*at)->name, name) == 0)
            return *at;
    error(EXIT_USAGE, 0, "unknown command '%s'; see coroctl --help", name);
    return NULL;
}

static double parse_number(struct argp_state *state, const char *value, double min, double max)
{
    char *end;
    double number = strtod(value, &end);

    if (*end != '\0' || end == value || !(number >= min && number <= max))
        argp_error(state, "'%s' is not a number from %g to %g", value, min, max);
    return number;
}

/* Seconds, or a number with a unit. */
static double parse_time(struct argp_state *state, const char *value, double min, double max)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {
        { "", 1 }, { "s", 1 }, { "ms", 1e-3 }, { "us", 1e-6 }, { "m", 60 }, { "h", 3600 }
    };
    char *end;
    double number = strtod(value, &end);

    for (size_t i = 0; end != value && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].name) == 0 && number * units[i].seconds >= min &&
            number * units[i].seconds <= max)
            return number * units[i].seconds;
    argp_error(state, "'%s' is not a time from %gs to %gs, such as 5, 5s or 500ms", value, min,
               max);
    return min;
}

/* Options that only say yes. */
static bool *flag_of(struct settings *settings, int key)
{
    switch (key) {
    case KEY_JSON:
        return &settings->json;
    case KEY_PLAIN:
        return &settings->plain;
    case KEY_GROUP:
        return &settings->group;
    case KEY_ALL_FRAMES:
        return &settings->all_frames;
    case KEY_PROMETHEUS:
        return &settings->prometheus;
    case KEY_BATCH:
        return &settings->batch;
    case KEY_TREE:
        return &settings->tree;
    case KEY_OFF_CPU:
        return &settings->off_cpu;
    case KEY_RESET_FIGURES:
        return &settings->reset;
    default:
        return NULL;
    }
}

/* Options whose value is text. */
static const char **text_of(struct settings *settings, int key)
{
    switch (key) {
    case 'p':
        return &settings->process;
    case 'o':
        return &settings->output;
    case KEY_CORE:
        return &settings->core;
    case KEY_EXE:
        return &settings->program;
    case KEY_DIFF:
        return &settings->compare_with;
    case KEY_SORT:
        return &settings->sort;
    case KEY_RETURNS:
        return &settings->returns;
    default:
        return NULL;
    }
}

/* Options that would be ignored beside others. */
static void check_options(const struct settings *settings, const struct argp_state *state)
{
    const struct {
        bool both;
        const char *one, *other;
    } pairs[] = {
        { settings->json && settings->plain, "--json", "--plain" },
        { settings->prometheus && settings->json, "--prometheus", "--json" },
        { settings->prometheus && settings->plain, "--prometheus", "--plain" },
        { settings->prometheus && settings->interval_s > 0, "--prometheus", "-i" },
        { settings->group && settings->plain, "--group", "--plain" },
        { settings->core != NULL && settings->process != NULL, "--core", "-p" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
        if (pairs[i].both)
            argp_error(state, "%s and %s exclude each other", pairs[i].one, pairs[i].other);
    if (settings->program != NULL && settings->core == NULL)
        argp_error(state, "--exe needs --core");
}

static error_t parse_command_option(int key, char *value, struct argp_state *state)
{
    struct settings *settings = state->input;
    bool *flag = flag_of(settings, key);
    const char **text = text_of(settings, key);

    if (flag != NULL)
        *flag = true;
    if (text != NULL)
        *text = value;
    if (flag != NULL || text != NULL)
        return 0;
    switch (key) {
    case 'i':
        settings->interval_s = parse_time(state, value, 0.01, 86400);
        return 0;
    case 'n':
        settings->count = (unsigned)parse_number(state, value, 1, 1e9);
        return 0;
    case 't':
        settings->thread = parse_thread_id(value);
        if (settings->thread == 0)
            exit(EXIT_USAGE);
        return 0;
    case KEY_TIME:
        settings->time_s = parse_time(state, value, 0.01, 86400);
        return 0;
    case KEY_HZ:
        settings->hz = (unsigned)parse_number(state, value, 1, 1000);
        return 0;
    case KEY_TIMEOUT:
        settings->timeout_s = parse_time(state, value, 0.001, 86400);
        return 0;
    case ARGP_KEY_ARGS:
        settings->arguments = state->argv + state->next;
        return 0;
    case ARGP_KEY_END:
        check_options(settings, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Runs @command with its own options; @argv[0] is its name. */
static int run_command(const struct command *command, int argc, char *argv[])
{
    static char *nothing[] = { NULL };
    struct settings settings = { .arguments = nothing };
    struct argp argp = {
        .options = command->options,
        .parser = parse_command_option,
        .args_doc = command->arguments,
    };
    char *doc = NULL, *name = NULL;
    int code;

    if (asprintf(&doc, "%c%s.%s%s", command->summary[0] - 'a' + 'A', command->summary + 1,
                 command->description != NULL ? "\v" : "",
                 command->description != NULL ? command->description : "") < 0 ||
        asprintf(&name, "coroctl %s", command->name) < 0)
        error(EXIT_FAILED, errno, "memory");
    argp.doc = doc;
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, &settings);
    if (settings.arguments[0] != NULL && command->arguments == NULL)
        error(EXIT_USAGE, 0, "%s takes no argument '%s'", command->name, settings.arguments[0]);
    code = command->run(&settings);
    free(doc);
    free(name);
    return code;
}

/* "coroctl help list" is "coroctl list --help". */
static int help(struct argp_state *state, const char *name)
{
    char option[] = "--help", *argv[] = { NULL, option, NULL };

    if (name == NULL)
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    return run_command(find_command(name), 2, argv);
}

struct invocation {
    int argc;
    char **argv; /* from the command on */
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct invocation *invocation = state->input;

    (void)value;
    switch (key) {
    case ARGP_KEY_ARGS:
        invocation->argc = state->argc - state->next;
        invocation->argv = state->argv + state->next;
        if (strcmp(invocation->argv[0], "help") != 0)
            return 0;
        if (invocation->argc > 2)
            argp_error(state, "help takes one command, and no '%s'", invocation->argv[2]);
        help(state, invocation->argv[1]);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no command given");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static char *filter_help(int key, const char *text, void *input)
{
    char *result = NULL;
    size_t size;
    FILE *out;

    (void)input;
    if (key != ARGP_KEY_HELP_EXTRA)
        return (char *)text;
    out = open_memstream(&result, &size);
    if (out == NULL)
        return NULL;
    fputs("Commands:\n", out);
    for (const struct command *const *at = commands_all(); *at != NULL; at++)
        if (!(*at)->is_hidden)
            fprintf(out, "  %-12s %s\n", (*at)->name, (*at)->summary);
    fprintf(out, "  %-12s %s\n", "help", "explain a command");
    fputs("\nSee coroctl(1) for details and exit codes.", out);
    fclose(out);
    return result;
}

int main(int argc, char *argv[])
{
    static const struct argp argp = {
        .parser = parse_option,
        .args_doc = "COMMAND [OPTION...]\nhelp [COMMAND]",
        .doc = "Look at the live threads of programs under coroshim.",
        .help_filter = filter_help,
    };
    struct invocation invocation = { 0 };
    int code;

    setlocale(LC_CTYPE, "");
    argv[0] = program_invocation_name = program_invocation_short_name;
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &invocation);
    code = run_command(find_command(invocation.argv[0]), invocation.argc, invocation.argv);
    if (fflush(stdout) != 0 || ferror(stdout))
        error(EXIT_FAILED, errno, "standard output");
    return code;
}
