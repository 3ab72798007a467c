/* coroctl get: the CORO_* settings of a process as they are now, or those that one thread has of its
 * own. */
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/setting.h"
#include "tools/coroctl/text.h"

/* What is printed, and where from. */
struct wanted {
    struct connection *connection;
    uint32_t count;        /* of settings in its reply */
    struct co_info thread; /* id 0: of the process */
};

/* Whether all names are those of settings; what is not so is said. */
static bool check_names(const struct wanted *wanted, char **names)
{
    bool good = true;

    for (; *names != NULL; names++) {
        char full[SETTING_NAME_BYTES], why[120] = "";
        struct setting setting;

        setting_full_name(*names, full);
        if (!setting_find(wanted->connection, wanted->count, full, &setting))
            setting_explain(full, why, sizeof(why));
        else if (wanted->thread.id != 0 && strcmp(full, SETTING_OF_THREAD) != 0)
            snprintf(why, sizeof(why), "a thread has no such setting of its own");
        if (why[0] != '\0')
            error(0, 0, "%s: %s", full, why);
        good = good && why[0] == '\0';
    }
    return good;
}

static bool is_wanted(const struct wanted *wanted, const struct setting *setting, char **names)
{
    char full[SETTING_NAME_BYTES];

    if (wanted->thread.id != 0 && strcmp(setting->name, SETTING_OF_THREAD) != 0)
        return false;
    if (names[0] == NULL)
        return true;
    for (; *names != NULL; names++) {
        setting_full_name(*names, full);
        if (strcmp(full, setting->name) == 0)
            return true;
    }
    return false;
}

static void print_setting(const struct wanted *wanted, const struct setting *setting, bool plain)
{
    const char *note = setting->changeable ? "" : " (only at the start)";

    if (wanted->thread.id != 0)
        note = wanted->thread.own_selfishness ? " (its own)" : " (the process's)";
    if (plain)
        printf("%s\t%s\t%s\t%s\n", setting->name, setting->value, setting->range,
               setting->changeable ? "yes" : "no");
    else
        printf("%-22s %-12s %s%s\n", setting->name,
               setting->value[0] != '\0' ? setting->value : "-", setting->range, note);
}

static void print_json(const struct wanted *wanted, json_t *values)
{
    json_t *document = json_document(wanted->connection->pid);

    if (wanted->thread.id != 0) {
        json_add(document, "thread", json_integer((json_int_t)wanted->thread.id));
        json_add(document, "own", json_boolean(wanted->thread.own_selfishness));
    }
    json_add(document, "settings", values);
    json_print_document(document);
}

static void add_setting(json_t *values, const struct setting *setting)
{
    json_t *name = text_json(setting->name);

    json_add(values, json_string_value(name), text_json(setting->value));
    json_decref(name);
}

static void print_all(const struct wanted *wanted, const struct settings *settings)
{
    json_t *values = json_object();

    if (settings->plain)
        puts("NAME\tVALUE\tRANGE\tCHANGEABLE");
    for (uint32_t i = 0; i < wanted->count; i++) {
        struct setting setting = settings_at(wanted->connection, i);

        if (!is_wanted(wanted, &setting, settings->arguments))
            continue;
        if (wanted->thread.id != 0)
            snprintf(setting.value, sizeof(setting.value), "%u", wanted->thread.selfishness);
        if (settings->json)
            add_setting(values, &setting);
        else
            print_setting(wanted, &setting, settings->plain);
    }
    if (settings->json)
        print_json(wanted, json_incref(values));
    json_decref(values);
}

static int get_run(const struct settings *settings)
{
    static struct connection connection;
    struct wanted wanted = { .connection = &connection };
    int code = connection_choose(settings->process, &connection);

    if (code != EXIT_OK)
        return code;
    if (settings->thread != 0)
        code = thread_fetch(&connection, settings->thread, &wanted.thread);
    if (code == EXIT_OK)
        code = settings_fetch(&connection, &wanted.count);
    connection_close(&connection);
    if (code != EXIT_OK)
        return code;
    if (!check_names(&wanted, settings->arguments))
        return EXIT_USAGE;
    print_all(&wanted, settings);
    return EXIT_OK;
}

static const struct argp_option get_options[] = {
    OPTION_PROCESS, { "thread", 't', "ID", 0, "What holds for this thread (selfishness)", 0 },
    OPTION_JSON,    OPTION_PLAIN,
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
