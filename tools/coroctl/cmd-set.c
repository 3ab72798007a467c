/* coroctl get and set: the CORO_* settings of a process while it runs. */
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/text.h"

#define PREFIX "CORO_"

/* "slice", "SLICE" and "CORO_SLICE" are one name. */
static void full_name(const char *name, char full[SETTING_NAME_BYTES])
{
    const char *rest =
        strncasecmp(name, PREFIX, strlen(PREFIX)) == 0 ? name + strlen(PREFIX) : name;

    snprintf(full, SETTING_NAME_BYTES, "%s%s", PREFIX, strcmp(name, "CORO") == 0 ? "" : rest);
    for (char *c = full; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'z')
            *c += 'A' - 'a';
        else if (*c == '-')
            *c = '_';
    if (strcmp(name, "CORO") == 0)
        full[strlen("CORO")] = '\0';
}

/* Copies setting number @i of the reply; what a library of another release lacks is zero. */
struct setting settings_at(const struct connection *connection, uint32_t i)
{
    const struct get_reply *reply = (const struct get_reply *)connection->body;
    struct setting setting = { 0 };
    size_t bytes = reply->record_bytes < sizeof(setting) ? reply->record_bytes : sizeof(setting);

    memcpy(&setting, connection->body + sizeof(*reply) + (size_t)i * reply->record_bytes, bytes);
    setting.name[sizeof(setting.name) - 1] = '\0';
    setting.value[sizeof(setting.value) - 1] = '\0';
    setting.range[sizeof(setting.range) - 1] = '\0';
    return setting;
}

int settings_fetch(struct connection *connection, uint32_t *count)
{
    const struct get_reply *reply = (const struct get_reply *)connection->body;
    int code = connection_ask(connection, FRAME_GET, NULL, 0, sizeof(*reply));

    if (code != EXIT_OK)
        return code;
    if (reply->record_bytes == 0 ||
        (connection->body_bytes - sizeof(*reply)) / reply->record_bytes < reply->count) {
        error(0, 0, "process %d answers nonsense: is it coroshim's?", (int)connection->pid);
        return EXIT_PROTOCOL;
    }
    *count = reply->count;
    return EXIT_OK;
}

static bool is_wanted(const struct setting *setting, char **names)
{
    char full[SETTING_NAME_BYTES];

    if (names[0] == NULL)
        return true;
    for (; *names != NULL; names++) {
        full_name(*names, full);
        if (strcmp(full, setting->name) == 0)
            return true;
    }
    return false;
}

static void print_setting(const struct setting *setting, bool plain)
{
    if (plain)
        printf("%s\t%s\t%s\t%s\n", setting->name, setting->value, setting->range,
               setting->changeable ? "yes" : "no");
    else
        printf("%-22s %-12s %s%s\n", setting->name,
               setting->value[0] != '\0' ? setting->value : "-", setting->range,
               setting->changeable ? "" : " (only at the start)");
}

static int get_run(const struct settings *settings)
{
    static struct connection connection;
    json_t *values = json_object();
    uint32_t count, printed = 0;
    int code = connection_choose(settings->process, &connection);

    if (code != EXIT_OK)
        return code;
    code = settings_fetch(&connection, &count);
    connection_close(&connection);
    if (code != EXIT_OK)
        return code;
    if (settings->plain)
        puts("NAME\tVALUE\tRANGE\tCHANGEABLE");
    for (uint32_t i = 0; i < count; i++) {
        struct setting setting = settings_at(&connection, i);

        if (!is_wanted(&setting, settings->arguments))
            continue;
        printed++;
        if (settings->json)
            json_object_set_new(values, setting.name, json_string(setting.value));
        else
            print_setting(&setting, settings->plain);
    }
    if (settings->json) {
        json_t *document = json_document(connection.pid);

        json_add(document, "settings", values);
        json_print_document(document);
    } else {
        json_decref(values);
    }
    if (printed == 0) {
        error(0, 0, "no such setting; see coroctl get");
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

/* "NAME=VALUE". */
static int set_one(struct connection *connection, const char *assignment,
                   const struct settings *settings, json_t *values)
{
    uint64_t id = settings->thread;
    struct set_request request = { .id = id };
    const char *equals = strchr(assignment, '=');
    struct setting *now = (struct setting *)connection->body;
    char name[SETTING_NAME_BYTES];
    int code;

    if (equals == NULL || (size_t)(equals - assignment) >= sizeof(name) ||
        strlen(equals + 1) >= sizeof(request.value)) {
        error(0, 0, "'%s' is not NAME=VALUE", assignment);
        return EXIT_USAGE;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(equals - assignment), assignment);
    full_name(name, request.name);
    snprintf(request.value, sizeof(request.value), "%s", equals + 1);
    code = connection_ask(connection, FRAME_SET, &request, sizeof(request), sizeof(*now));
    if (code != EXIT_OK)
        return code;
    if (id == 0)
        snprintf(request.value, sizeof(request.value), "%.*s", SETTING_VALUE_BYTES - 1, now->value);
    if (settings->json)
        json_add(values, request.name, text_json(request.value));
    else if (settings->plain)
        printf("%s\t%s\n", request.name, request.value);
    else if (id != 0)
        printf("thread %lu: %s=%s\n", id, request.name, request.value);
    else
        printf("%.*s=%.*s\n", SETTING_NAME_BYTES - 1, now->name, SETTING_VALUE_BYTES - 1,
               now->value);
    return EXIT_OK;
}

static int set_run(const struct settings *settings)
{
    static struct connection connection;
    json_t *values = json_object();
    int code;

    if (settings->arguments[0] == NULL) {
        error(0, 0, "set what? See coroctl get for the names");
        return EXIT_USAGE;
    }
    code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK)
        return code;
    if (settings->plain)
        puts("NAME\tVALUE");
    for (char **at = settings->arguments; code == EXIT_OK && *at != NULL; at++)
        code = set_one(&connection, *at, settings, values);
    connection_close(&connection);
    if (code == EXIT_OK && settings->json) {
        json_t *document = json_document(connection.pid);

        if (settings->thread != 0)
            json_add(document, "thread", json_integer((json_int_t)settings->thread));
        json_add(document, "settings", json_incref(values));
        json_print_document(document);
    }
    json_decref(values);
    return code;
}

static const struct argp_option get_options[] = {
    OPTION_PROCESS,
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_get = {
    .name = "get",
    .arguments = "[NAME...]",
    .summary = "print the settings of a process",
    .description = "The CORO_* variables as they are now. Names may leave out CORO_.",
    .options = get_options,
    .run = get_run,
};

static const struct argp_option set_options[] = {
    OPTION_PROCESS, { "thread", 't', "ID", 0, "Of this thread alone (selfishness)", 0 },
    OPTION_JSON,    OPTION_PLAIN,
    { 0 },
};

const struct command command_set = {
    .name = "set",
    .arguments = "NAME=VALUE...",
    .summary = "change settings of a process while it runs",
    .description = "Values are checked as those of the environment are.",
    .options = set_options,
    .run = set_run,
};
