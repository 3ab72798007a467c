/* corun: run a program with its threads as coroutines.
 *
 * Sets the environment up and executes the program in its own place: same pid, and the program's
 * exit status or signal is all that the caller sees. Every CORO_* variable of conf.def has an
 * option, made from its row and checked by the same parser that the library uses. */
#include "tools/corun/corun.h"

#include <argp.h>
#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/log.h"
#include "shim/version.h"

/* Keys of the options made from rows: the row's number with one of these. */
#define KEY_SET   0x100
#define KEY_UNSET 0x200
#define KEY_ROW   0x0ff
#define KEY_CHECK 0x400

#define OPTIONS_MAX 64

struct arguments {
    bool check;
    char **program; /* and its arguments */
};

const char *argp_program_version = "corun (coroshim) " CORO_VERSION;

static struct argp_option options[OPTIONS_MAX];

/* "CORO_LOG_FILE" as "log-file". */
static char *option_name(const char *prefix, const char *variable)
{
    char *name;

    if (asprintf(&name, "%s%s", prefix, variable + strlen("CORO_")) < 0)
        error(EXIT_CORUN, errno, "memory");
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
    return name;
}

static bool has_option(const struct conf_variable *variable)
{
    return variable->kind != CONF_TOOL && strcmp(variable->name, "CORO") != 0;
}

static void make_options(void)
{
    struct argp_option *option = options;

    *option++ = (struct argp_option){
        .name = "check",
        .key = KEY_CHECK,
        .doc = "Say whether PROGRAM will run under the shim, and why not; do not run it",
    };
    for (size_t i = 0; i < conf_variable_count; i++) {
        const struct conf_variable *variable = &conf_variables[i];

        if (!has_option(variable))
            continue;
        *option++ = (struct argp_option){
            .name = option_name("", variable->name),
            .key = KEY_SET | (int)i,
            .arg = variable->kind == CONF_BOOL   ? NULL
                   : variable->kind == CONF_ENUM ? enum_value(variable)
                                                 : variable->unit,
            .doc = option_help(variable),
        };
        if (variable->kind == CONF_BOOL)
            *option++ = (struct argp_option){
                .name = option_name("no-", variable->name),
                .key = KEY_UNSET | (int)i,
                .flags = OPTION_ALIAS,
            };
    }
}

/* The program may change its directory before the first line is written. */
static char *absolute(const char *path)
{
    char *directory, *result = NULL;

    if (path[0] == '/' || path[0] == '\0')
        return strdup(path);
    directory = getcwd(NULL, 0);
    if (directory == NULL || asprintf(&result, "%s/%s", directory, path) < 0)
        error(EXIT_CORUN, errno, "current directory");
    free(directory);
    return result;
}

static void set_variable(const struct conf_variable *variable, const char *value)
{
    char why[CONF_TEXT_BYTES];
    char *text = variable->kind == CONF_PATH ? absolute(value) : strdup(value);

    if (text == NULL)
        error(EXIT_CORUN, errno, "memory");
    if (!conf_parse(variable, text, &conf, why))
        error(EXIT_CORUN, 0, "--%s=%s: %s", option_name("", variable->name), value, why);
    if (setenv(variable->name, text, 1) != 0)
        error(EXIT_CORUN, errno, "%s", variable->name);
    free(text);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case KEY_CHECK:
        arguments->check = true;
        return 0;
    case ARGP_KEY_ARGS:
        arguments->program = state->argv + state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no program given");
        return EINVAL;
    default:
        break;
    }
    if ((key & ~(KEY_SET | KEY_UNSET | KEY_ROW)) != 0 || (key & (KEY_SET | KEY_UNSET)) == 0)
        return ARGP_ERR_UNKNOWN;
    if (key & KEY_UNSET)
        value = "off";
    set_variable(&conf_variables[key & KEY_ROW], value != NULL ? value : "on");
    return 0;
}

static char *filter_help(int key, const char *text, void *input)
{
    (void)input;
    return key == ARGP_KEY_HELP_EXTRA ? environment_help() : (char *)text;
}

/* Says in one line when the library will not be loaded, or not take part: it cannot say so. */
static void warn_when_native(const char *program)
{
    char reason[CHECK_REASON_BYTES];
    const char *level = getenv("CORO_LOG");
    const struct conf_variable *variable = conf_find("CORO_LOG", strlen("CORO_LOG"));

    if (level != NULL)
        conf_parse(variable, level, &conf, reason); /* a bad one is for the library to report */
    if (conf.log_level >= LOG_WARN && check_program(program, NULL, reason) == CHECK_NATIVE)
        fprintf(stderr, "corun: %s; its threads stay native\n", reason);
}

int main(int argc, char *argv[])
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "[--] PROGRAM [ARGUMENT...]",
        .doc = "Run PROGRAM with every POSIX thread as a coroutine on one kernel thread.\v"
               "The exit status is PROGRAM's own; 125 when corun itself fails, 126 when PROGRAM "
               "cannot be executed and 127 when it cannot be found. With --check it is 0 when "
               "PROGRAM will run under the shim and 1 when it will not.",
        .help_filter = filter_help,
    };
    struct arguments arguments = { 0 };
    char *library;

    argv[0] = program_invocation_name = program_invocation_short_name;
    argp_err_exit_status = EXIT_CORUN;
    make_options();
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments);
    if (arguments.check) {
        char reason[CHECK_REASON_BYTES];

        return check_program(arguments.program[0], stdout, reason) == CHECK_WORKS ? 0 : 1;
    }
    library = find_library();
    warn_when_native(arguments.program[0]);
    preload(library);
    execvp(arguments.program[0], arguments.program);
    error(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXEC, errno, "%s", arguments.program[0]);
}
