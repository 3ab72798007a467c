/* Figures with units, names without control characters, words for numbers. */
#include "tools/coroctl/text.h"

#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"

/* One decimal below ten: "9.9 ms", "10 ms". */
static void print_scaled(FILE *out, uint64_t value, uint64_t unit, const char *name)
{
    if (value < 10 * unit)
        fprintf(out, "%lu.%lu %s", value / unit, value % unit * 10 / unit, name);
    else
        fprintf(out, "%lu %s", value / unit, name);
}

void print_duration(FILE *out, uint64_t ns)
{
    uint64_t seconds = ns / NSEC_PER_SEC;

    if (ns < NSEC_PER_USEC)
        fprintf(out, "%lu ns", ns);
    else if (ns < NSEC_PER_MSEC)
        print_scaled(out, ns, NSEC_PER_USEC, "us");
    else if (ns < NSEC_PER_SEC)
        print_scaled(out, ns, NSEC_PER_MSEC, "ms");
    else if (seconds < 60)
        print_scaled(out, ns, NSEC_PER_SEC, "s");
    else if (seconds < 3600)
        fprintf(out, "%lu m %lu s", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        fprintf(out, "%lu h %lu m", seconds / 3600, seconds / 60 % 60);
    else
        fprintf(out, "%lu d %lu h", seconds / 86400, seconds / 3600 % 24);
}

void print_bytes(FILE *out, uint64_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
    uint64_t unit = 1024;
    size_t i = 0;

    if (bytes < unit) {
        fprintf(out, "%lu B", bytes);
        return;
    }
    while (i + 1 < ARRAY_SIZE(units) && bytes >= unit * 1024) {
        unit *= 1024;
        i++;
    }
    if (bytes % unit == 0)
        fprintf(out, "%lu %s", bytes / unit, units[i]);
    else
        print_scaled(out, bytes, unit, units[i]);
}

void print_escaped(FILE *out, const char *text)
{
    size_t left = strlen(text);
    mbstate_t state = { 0 };

    while (left > 0) {
        wchar_t wide;
        size_t length = mbrtowc(&wide, text, left, &state);

        if (length == (size_t)-1 || length == (size_t)-2 || !iswprint((wint_t)wide)) {
            fprintf(out, "\\x%02x", (unsigned char)*text);
            memset(&state, 0, sizeof(state));
            length = 1;
        } else {
            fwrite(text, 1, length, out);
        }
        text += length;
        left -= length;
    }
}

json_t *text_json(const char *text)
{
    json_t *value = json_string(text);
    char *ascii = value == NULL ? strdup(text) : NULL;

    if (ascii != NULL) {
        for (char *c = ascii; *c != '\0'; c++)
            *c = (unsigned char)*c < 0x80 ? *c : '?';
        value = json_string(ascii);
        free(ascii);
    }
    if (value == NULL)
        error(EXIT_FAILED, ENOMEM, "JSON");
    return value;
}

const char *state_word(uint32_t state)
{
    static const char *const words[] = {
        [CO_FREE] = "free",       [CO_NEW] = "new",       [CO_RUNNABLE] = "runnable",
        [CO_RUNNING] = "running", [CO_PARKED] = "parked", [CO_DEAD] = "dead",
    };

    return state < ARRAY_SIZE(words) ? words[state] : "unknown";
}

const char *wait_word(uint32_t kind)
{
    static const char *const words[WAIT_KINDS] = {
        [WAIT_NONE] = "none",       [WAIT_READ] = "read",           [WAIT_WRITE] = "write",
        [WAIT_POLL] = "poll",       [WAIT_FUTEX] = "futex",         [WAIT_MUTEX] = "mutex",
        [WAIT_COND] = "condition",  [WAIT_JOIN] = "join",           [WAIT_SLEEP] = "sleep",
        [WAIT_CHILD] = "child",     [WAIT_SIGNAL] = "signal",       [WAIT_OFFLOAD] = "system_call",
        [WAIT_RWLOCK] = "rwlock",   [WAIT_SEMAPHORE] = "semaphore", [WAIT_CHANNEL] = "channel",
        [WAIT_QUEUE] = "queue",     [WAIT_MAILBOX] = "mailbox",     [WAIT_EVENT] = "event",
        [WAIT_USER] = "user_event",
    };

    return kind < WAIT_KINDS && words[kind] != NULL ? words[kind] : "unknown";
}
