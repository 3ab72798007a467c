/* coroctl set: changes CORO_* settings of a process while it runs.
 *
 * All assignments are checked before the first is made, against what the process has and the rows of
 * conf.def that it checks with itself, so that a mistake in one of them changes nothing. */
#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "shim/conf.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/setting.h"
#include "tools/coroctl/text.h"

#define WHY_BYTES CONF_TEXT_BYTES

struct change {
    const struct settings *settings;
    struct connection *connection;
    struct set_request *requests; /* one for each assignment */
    size_t count;
    json_t *values, *refused; /* what holds now, and what does not */
};

/* "NAME=VALUE". */
static bool parse(const char *assignment, struct set_request *request)
{
    const char *equals = strchr(assignment, '=');
    char name[SETTING_NAME_BYTES];

    if (equals == NULL || (size_t)(equals - assignment) >= sizeof(name) ||
        strlen(equals + 1) >= sizeof(request->value)) {
        error(0, 0, "'%s' is not NAME=VALUE", assignment);
        return false;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(equals - assignment), assignment);
    setting_full_name(name, request->name);
    snprintf(request->value, sizeof(request->value), "%s", equals + 1);
    return true;
}

static int parse_all(struct change *change)
{
    char **arguments = change->settings->arguments;

    while (arguments[change->count] != NULL)
        change->count++;
    if (change->count == 0) {
        error(0, 0, "set what? See coroctl get for the names");
        return EXIT_USAGE;
    }
    change->requests = calloc(change->count, sizeof(*change->requests));
    if (change->requests == NULL)
        error(EXIT_FAILED, errno, "memory");
    for (size_t i = 0; i < change->count; i++) {
        change->requests[i].id = change->settings->thread;
        if (!parse(arguments[i], &change->requests[i]))
            return EXIT_USAGE;
    }
    return EXIT_OK;
}

static void refuse(struct change *change, const struct set_request *request, const char *why)
{
    json_t *item = json_object();

    json_add(item, "name", text_json(request->name));
    json_add(item, "value", text_json(request->value));
    json_add(item, "why", text_json(why));
    json_array_append_new(change->refused, item);
}

/* Writes what is wrong, or nothing, into @why. A variable that this coroctl does not know is left to the
 * process to judge. */
static void judge(const struct set_request *request, bool is_known, const struct setting *setting,
                  char why[WHY_BYTES])
{
    const struct conf_variable *variable = conf_find(request->name, strlen(request->name));
    struct conf ours = conf;

    why[0] = '\0';
    if (!is_known)
        setting_explain(request->name, why, WHY_BYTES);
    else if (!setting->changeable)
        snprintf(why, WHY_BYTES, "cannot be changed while the program runs");
    else if (request->id != 0 && strcmp(request->name, SETTING_OF_THREAD) != 0)
        snprintf(why, WHY_BYTES, "a thread has no such setting of its own");
    else if (variable != NULL && conf_parse(variable, request->value, &ours, why))
        why[0] = '\0';
}

static void refuse_all(struct change *change, const char *why)
{
    for (size_t i = 0; i < change->count; i++)
        refuse(change, &change->requests[i], why);
}

static int check_all(struct change *change)
{
    struct co_info thread;
    uint32_t count;
    int code = settings_fetch(change->connection, &count);

    if (code != EXIT_OK)
        return code;
    for (size_t i = 0; i < change->count; i++) {
        const struct set_request *request = &change->requests[i];
        struct setting setting;
        char why[WHY_BYTES];

        judge(request, setting_find(change->connection, count, request->name, &setting), &setting,
              why);
        if (why[0] == '\0')
            continue;
        error(0, 0, "%s=%s: %s", request->name, request->value, why);
        refuse(change, request, why);
        code = EXIT_FAILED;
    }
    if (code != EXIT_OK || change->settings->thread == 0)
        return code;
    code = thread_fetch(change->connection, change->settings->thread, &thread);
    if (code == EXIT_FAILED)
        refuse_all(change, "no such thread");
    return code;
}

static void print_change(const struct change *change, const struct set_request *request)
{
    if (change->settings->plain)
        printf("%s\t%s\n", request->name, request->value);
    else if (request->id != 0)
        printf("thread %lu: %s=%s\n", request->id, request->name, request->value);
    else
        printf("%s=%s\n", request->name, request->value);
}

static int apply(struct change *change, struct set_request *request)
{
    const struct setting *now = (const struct setting *)change->connection->body;
    int code =
        connection_ask(change->connection, FRAME_SET, request, sizeof(*request), sizeof(*now));

    if (code != EXIT_OK) {
        refuse(change, request, "the process refuses");
        return code;
    }
    if (request->id == 0)
        snprintf(request->value, sizeof(request->value), "%.*s", SETTING_VALUE_BYTES - 1,
                 now->value);
    json_add(change->values, request->name, text_json(request->value));
    if (!change->settings->json)
        print_change(change, request);
    return EXIT_OK;
}

static int apply_all(struct change *change)
{
    int code = EXIT_OK;

    if (change->settings->plain)
        puts("NAME\tVALUE");
    for (size_t i = 0; code == EXIT_OK && i < change->count; i++)
        code = apply(change, &change->requests[i]);
    return code;
}

static void print_json(const struct change *change)
{
    json_t *document = json_document(change->connection->pid);

    if (change->settings->thread != 0)
        json_add(document, "thread", json_integer((json_int_t)change->settings->thread));
    json_add(document, "settings", json_incref(change->values));
    if (json_array_size(change->refused) > 0)
        json_add(document, "refused", json_incref(change->refused));
    json_print_document(document);
}

static int set_run(const struct settings *settings)
{
    static struct connection connection;
    struct change change = { .settings = settings, .connection = &connection };
    int code = parse_all(&change);

    if (code == EXIT_OK)
        code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK) {
        free(change.requests);
        return code;
    }
    change.values = json_object();
    change.refused = json_array();
    code = check_all(&change);
    if (code == EXIT_OK)
        code = apply_all(&change);
    connection_close(&connection);
    if (settings->json && (code == EXIT_OK || json_array_size(change.refused) > 0))
        print_json(&change);
    json_decref(change.values);
    json_decref(change.refused);
    free(change.requests);
    return code;
}

static const struct argp_option set_options[] = {
    OPTION_PROCESS, { "thread", 't', "ID", 0, "Of this thread alone (selfishness)", 0 },
    OPTION_JSON,    OPTION_PLAIN,
    { 0 },
};

const struct command command_set = {
    .name = "set",
    .arguments = "NAME=VALUE...",
    .summary = "change settings of a process while it runs",
    .description = "Values are checked as those of the environment are, all of them before the "
                   "first is changed.",
    .options = set_options,
    .run = set_run,
};
