/* The environment variables: the rows of conf.def, and how they are read.
 *
 * `conf` starts with the rows' initial values, is written by conf_load while the process has one
 * thread, and is only read afterwards. The tools link this file and conf_value.c as they are, so
 * that what corun accepts is what the library accepts. */
#include "shim/conf.h"

#include "runtime/mem.h"
#include "shim/log.h"

#define PREFIX "CORO_"

/* Bytes of a bad value or name that a complaint repeats. */
#define SHOWN_BYTES 64

/* Names longer than this are nobody's misspelling. */
#define NAME_BYTES 32

/* Edits (insertion, deletion, replacement, exchange of neighbours) that still make a misspelling:
 * fewer in a short name, where three edits make any other. */
#define EDITS_MAX(length) ((length) < 10 ? ((length)-4) / 2 : 3)

/* Numbers start as their row says, paths empty, faults off. */
#define FIRST_CONF_BOOL(field, initial)     .field = initial,
#define FIRST_CONF_DURATION(field, initial) .field = initial,
#define FIRST_CONF_UNSIGNED(field, initial) .field = initial,
#define FIRST_CONF_FACTOR(field, initial)   .field = initial,
#define FIRST_CONF_ENUM(field, initial)     .field = initial,
#define FIRST_CONF_SIGNAL(field, initial)   .field = initial,
#define FIRST_CONF_PATH(field, initial)
#define FIRST_CONF_FAULT(field, initial)

#define CONF(name, field, kind, min, max, initial, unit, text) FIRST_##kind(field, initial)
#define CONF_TOOL(name, unit, text)
struct conf conf = {
#include "shim/conf.def"
};

#define CONF(name, field, kind, min, max, initial, unit, text)                                     \
    { #name, unit, text, min, max, initial, kind, offsetof(struct conf, field) },
#define CONF_TOOL(name, unit, text) { #name, unit, text, 0, 0, 0, CONF_TOOL, 0 },
const struct conf_variable conf_variables[] = {
#include "shim/conf.def"
};

const size_t conf_variable_count = ARRAY_SIZE(conf_variables);

const struct conf_variable *conf_find(const char *name, size_t length)
{
    for (size_t i = 0; i < conf_variable_count; i++)
        if (strlen(conf_variables[i].name) == length &&
            memcmp(conf_variables[i].name, name, length) == 0)
            return &conf_variables[i];
    return NULL;
}

/* How many edits lie between two names (restricted Damerau-Levenshtein), by three rolling rows. */
static unsigned edits_between(const char *a, size_t a_length, const char *b, size_t b_length)
{
    uint8_t rows[3][NAME_BYTES + 1];
    uint8_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_length; j++)
        above[j] = (uint8_t)j;
    for (size_t i = 1; i <= a_length; i++) {
        uint8_t *spare = before;

        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= b_length; j++) {
            uint8_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        before = above;
        above = row;
        row = spare;
    }
    return above[b_length];
}

const struct conf_variable *conf_nearest(const char *name, size_t length)
{
    const struct conf_variable *nearest = NULL;
    unsigned fewest;

    if (length > NAME_BYTES || length < sizeof(PREFIX))
        return NULL;
    fewest = EDITS_MAX((unsigned)length) + 1;
    for (size_t i = 0; i < conf_variable_count; i++) {
        const char *candidate = conf_variables[i].name;
        size_t candidate_length = strlen(candidate);
        unsigned edits = fewest;

        if (candidate_length <= NAME_BYTES)
            edits = edits_between(name, length, candidate, candidate_length);
        if (edits < fewest) {
            fewest = edits;
            nearest = &conf_variables[i];
        }
    }
    return nearest;
}

/* The length of an environment entry's name, or 0 when it is not NAME=VALUE. */
static size_t name_length(const char *entry)
{
    size_t length = 0;

    while (entry[length] != '\0' && entry[length] != '=')
        length++;
    return entry[length] == '=' ? length : 0;
}

const char *conf_environment(char *const envp[], const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; envp[i] != NULL; i++)
        if (name_length(envp[i]) == length && memcmp(envp[i], name, length) == 0)
            return envp[i] + length + 1;
    return NULL;
}

static void load_variable(const struct conf_variable *variable, char *const envp[])
{
    const char *value = conf_environment(envp, variable->name);
    char why[CONF_TEXT_BYTES], initial[CONF_PATH_BYTES];

    if (value == NULL || variable->kind == CONF_TOOL)
        return;
    if (conf_parse(variable, value, &conf, why))
        return;
    if (variable->kind == CONF_PATH)
        format_text(initial, sizeof(initial), "standard error");
    else
        conf_show_initial(variable, initial, sizeof(initial));
    log_line(LOG_WARN, "%s=%.*s: %s; using %s", variable->name, SHOWN_BYTES, value, why, initial);
}

static void reject_unknown(const char *entry)
{
    size_t length = name_length(entry);
    int shown = length < SHOWN_BYTES ? (int)length : SHOWN_BYTES;
    const struct conf_variable *nearest;

    if (length < sizeof(PREFIX) || memcmp(entry, PREFIX, sizeof(PREFIX) - 1) != 0)
        return;
    if (conf_find(entry, length) != NULL)
        return;
    nearest = conf_nearest(entry, length);
    if (nearest != NULL)
        log_line(LOG_WARN, "%.*s: unknown variable; did you mean %s?", shown, entry, nearest->name);
    else
        log_line(LOG_WARN, "%.*s: unknown variable; see coroshim-env(7)", shown, entry);
}

void conf_load(char *const envp[])
{
    log_remember_stderr();
    for (size_t i = 0; i < conf_variable_count && conf.on; i++)
        load_variable(&conf_variables[i], envp);
    for (size_t i = 0; envp[i] != NULL && conf.on; i++)
        reject_unknown(envp[i]);
}
