/* coroctl doctor: what the shim finds on this machine, and what it made of a process. */
#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/doctor.h"
#include "tools/coroctl/text.h"

#define OBJECTS "objects"
#define PROCESS "process"

static const char *const level_words[] = {
    [LEVEL_OK] = "ok", [LEVEL_NOTE] = "note", [LEVEL_PROBLEM] = "problem"
};

/* Why sites are left raw, in the order of enum gate_raw_reason. */
static const char *const reason_words[DOCTOR_REASONS] = {
    "of rt_sigreturn",         "with no room for a jump", "with flags read behind",
    "that no decoder was for", "too far from any memory",
};
static const char *const reason_keys[DOCTOR_REASONS] = { "sigreturn", "crowded", "flags",
                                                         "undecoded", "no_room" };

void found(struct findings *findings, const char *about, const char *name, enum level level,
           const char *format, ...)
{
    struct finding *finding;
    va_list arguments;

    findings->items = reallocarray(findings->items, findings->count + 1, sizeof(*findings->items));
    if (findings->items == NULL)
        error(EXIT_FAILED, errno, "memory");
    finding = &findings->items[findings->count++];
    *finding = (struct finding){ .about = about, .level = level };
    snprintf(finding->name, sizeof(finding->name), "%s", name);
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof(finding->text), format, arguments);
    va_end(arguments);
}

/* ---- the process ---- */

struct objects {
    struct doctor_object *items;
    size_t count;
    uint32_t facts;
};

static bool take_page(const struct connection *connection, struct objects *objects)
{
    const struct doctor_reply *page = (const struct doctor_reply *)connection->body;
    const unsigned char *record = connection->body + sizeof(*page);
    size_t bytes = page->record_bytes, left = connection->body_bytes - sizeof(*page);

    objects->facts = page->facts;
    if (page->count == 0)
        return !(connection->flags & FRAME_MORE);
    if (bytes < sizeof(objects->items->name) || left / bytes < page->count)
        return false;
    objects->items =
        reallocarray(objects->items, objects->count + page->count, sizeof(*objects->items));
    if (objects->items == NULL)
        error(EXIT_FAILED, errno, "memory");
    for (uint32_t i = 0; i < page->count; i++, record += bytes) {
        struct doctor_object *object = &objects->items[objects->count++];

        memset(object, 0, sizeof(*object));
        memcpy(object, record, bytes < sizeof(*object) ? bytes : sizeof(*object));
        object->name[sizeof(object->name) - 1] = '\0';
    }
    return true;
}

static int fetch(struct connection *connection, struct objects *objects)
{
    int code;

    do {
        struct doctor_request request = { .skip = objects->count };

        code = connection_ask(connection, FRAME_DOCTOR, &request, sizeof(request),
                              sizeof(struct doctor_reply));
        if (code == EXIT_OK && !take_page(connection, objects)) {
            error(0, 0, "process %d answers nonsense: is it coroshim's?", (int)connection->pid);
            code = EXIT_PROTOCOL;
        }
    } while (code == EXIT_OK && connection->flags & FRAME_MORE);
    return code;
}

/* rt_sigreturn is always raw, and does no harm so. */
static void judge_object(struct findings *findings, const struct doctor_object *object)
{
    char why[120] = "";
    size_t used = 0;
    uint32_t harmful = object->raw - object->why[0];

    for (size_t i = 0; i < DOCTOR_REASONS && used < sizeof(why); i++)
        if (object->why[i] != 0)
            used += (size_t)snprintf(why + used, sizeof(why) - used, "%s%u %s",
                                     used != 0 ? ", " : ": ", object->why[i], reason_words[i]);
    found(findings, OBJECTS, object->name, harmful != 0 ? LEVEL_NOTE : LEVEL_OK,
          "%u system calls rewritten, %u left%s", object->rewritten, object->raw, why);
}

static void judge_facts(struct findings *findings, uint32_t facts)
{
    static const struct {
        uint32_t fact;
        const char *name, *with, *without;
    } rows[] = {
        { DOCTOR_FSGSBASE, "switches", "without a system call", "take a system call each" },
        { DOCTOR_FAST_LOCKS, "mutexes", "answered where nobody contends",
          "are libc's alone: the place of a thread's id was not found in this libc" },
        { DOCTOR_GUARD_MARKERS, "stack guards", "take no mappings",
          "take a mapping each, or are missing" },
        { DOCTOR_HAND_OFF, "stuck calls", "lose the carrier to another kernel thread",
          "hold the other threads up: the kernel lacks membarrier, or CORO_SLICE is off" },
        { DOCTOR_CANCEL_WORD, "cancellation", "known thread by thread",
          "requests count as due at once: their place was not found in this libc" },
        { DOCTOR_ERRANDS, "cancel and call", "possible", "impossible with this libc" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool holds = (facts & rows[i].fact) != 0;

        found(findings, PROCESS, rows[i].name, holds ? LEVEL_OK : LEVEL_NOTE, "%s",
              holds ? rows[i].with : rows[i].without);
    }
}

/* What would make the program faster, or smoother. */
static void advise(struct findings *findings, const struct objects *objects)
{
    uint64_t harmful = 0;

    for (size_t i = 0; i < objects->count; i++)
        harmful += objects->items[i].raw - objects->items[i].why[0];
    if (harmful == 0)
        found(findings, PROCESS, "calls", LEVEL_OK, "all that can be seen are answered");
    else if (objects->facts & DOCTOR_DISPATCH)
        found(findings, PROCESS, "calls", LEVEL_OK, "from %lu places come by the kernel, slowly",
              harmful);
    else
        found(findings, PROCESS, "calls", LEVEL_NOTE,
              "from %lu places go to the kernel and may hold the other threads up for a slice; "
              "CORO_DISPATCH=on has them answered",
              harmful);
}

static int examine(struct connection *connection, struct findings *findings,
                   struct objects *objects)
{
    int code = fetch(connection, objects);

    if (code != EXIT_OK)
        return code;
    judge_facts(findings, objects->facts);
    advise(findings, objects);
    for (size_t i = 0; i < objects->count; i++)
        if (objects->items[i].rewritten != 0 || objects->items[i].raw != 0)
            judge_object(findings, &objects->items[i]);
    return EXIT_OK;
}

/* ---- printing ---- */

static void print_table(const struct findings *findings, bool plain)
{
    const char *about = "";

    if (plain)
        puts("ABOUT\tNAME\tLEVEL\tTEXT");
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];

        if (plain)
            printf("%s\t", finding->about);
        else if (strcmp(about, finding->about) != 0)
            printf("%s%c%s\n", i == 0 ? "" : "\n", finding->about[0] - 'a' + 'A',
                   finding->about + 1);
        about = finding->about;
        if (!plain)
            printf("  %-7s  ", level_words[finding->level]);
        print_escaped(stdout, finding->name);
        if (plain)
            printf("\t%s\t", level_words[finding->level]);
        else
            fputs(": ", stdout);
        print_escaped(stdout, finding->text);
        putchar('\n');
    }
}

static json_t *object_json(const struct doctor_object *object)
{
    json_t *why = json_object();
    json_t *document = json_object();

    for (size_t i = 0; i < DOCTOR_REASONS; i++)
        json_object_set_new(why, reason_keys[i], json_integer(object->why[i]));
    json_object_set_new(document, "name", text_json(object->name));
    json_object_set_new(document, "rewritten", json_integer(object->rewritten));
    json_object_set_new(document, "raw", json_integer(object->raw));
    json_object_set_new(document, "unknown", json_integer(object->unknown));
    json_object_set_new(document, "why", why);
    return document;
}

static void print_json(const struct findings *findings, pid_t pid, const struct objects *objects)
{
    json_t *document = json_document(pid != 0 ? pid : -1), *list = json_array();

    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        json_t *item =
            json_pack("{s:s, s:s}", "about", finding->about, "level", level_words[finding->level]);

        json_object_set_new(item, "name", text_json(finding->name));
        json_object_set_new(item, "text", text_json(finding->text));
        json_array_append_new(list, item);
    }
    json_object_set_new(document, "findings", list);
    list = json_array();
    for (size_t i = 0; i < objects->count; i++)
        json_array_append_new(list, object_json(&objects->items[i]));
    if (pid != 0)
        json_object_set_new(document, "objects", list);
    else
        json_decref(list);
    json_print_document(document);
}

static int doctor_run(const struct settings *settings)
{
    static struct connection connection;
    struct findings findings = { 0 };
    struct objects objects = { 0 };
    int code = EXIT_OK;

    if (settings->process != NULL)
        code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK)
        return code;
    doctor_machine(&findings, connection.pid);
    doctor_environment(&findings, connection.pid);
    if (settings->process != NULL) {
        code = examine(&connection, &findings, &objects);
        connection_close(&connection);
    }
    if (code == EXIT_OK && settings->json)
        print_json(&findings, connection.pid, &objects);
    else if (code == EXIT_OK)
        print_table(&findings, settings->plain);
    for (size_t i = 0; i < findings.count; i++)
        if (findings.items[i].level == LEVEL_PROBLEM && code == EXIT_OK)
            code = EXIT_FAILED;
    free(findings.items);
    free(objects.items);
    return code;
}

static const struct argp_option doctor_options[] = {
    { "pid", 'p', "PID|NAME", 0, "Look at this process, too", 0 },
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_doctor = {
    .name = "doctor",
    .summary = "say what works here, what does not and why",
    .description =
        "The kernel's features, limits, libraries and CORO_* variables; with -p, which "
        "code of the process was rewritten, and what would make it faster. For a program "
        "before its start see corun --check.",
    .options = doctor_options,
    .run = doctor_run,
};
