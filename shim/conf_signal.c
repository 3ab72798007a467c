/* Signals by number or name, for variables that take one. */
#include "shim/conf.h"

#include <linux/signal.h>

#include "runtime/mem.h"
#include "shim/log.h"

#define NUMBER_MAX 64

static const struct {
    const char *name;
    uint32_t number;
} names[] = {
    { "HUP", SIGHUP },       { "INT", SIGINT },   { "QUIT", SIGQUIT }, { "USR1", SIGUSR1 },
    { "USR2", SIGUSR2 },     { "ALRM", SIGALRM }, { "TERM", SIGTERM }, { "CONT", SIGCONT },
    { "URG", SIGURG },       { "XCPU", SIGXCPU }, { "PROF", SIGPROF }, { "VTALRM", SIGVTALRM },
    { "WINCH", SIGWINCH },   { "IO", SIGIO },     { "PWR", SIGPWR },   { "TSTP", SIGTSTP },
    { "STKFLT", SIGSTKFLT },
};

/* Those that nothing may take, that tell of a thread's own doing, or that libc uses. */
static bool is_reserved(uint64_t number)
{
    switch (number) {
    case SIGKILL:
    case SIGSTOP:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGBUS:
    case SIGFPE:
    case SIGSEGV:
    case SIGSYS:
    case SIGCHLD:
    case 32:
    case 33:
        return true;
    default:
        return number < 1 || number > NUMBER_MAX;
    }
}

static bool same_name(const char *a, const char *b)
{
    for (; *a != '\0' || *b != '\0'; a++, b++)
        if ((*a >= 'a' && *a <= 'z' ? *a - 'a' + 'A' : *a) != *b)
            return false;
    return true;
}

bool conf_parse_signal(const char *text, uint64_t *number)
{
    const char *bare = text;
    uint64_t value = 0;

    *number = 0;
    if (same_name(text, "OFF") || text_equal(text, "0"))
        return true;
    for (; *bare >= '0' && *bare <= '9' && value <= NUMBER_MAX; bare++)
        value = 10 * value + (uint64_t)(*bare - '0');
    if (bare > text && *bare == '\0' && !is_reserved(value)) {
        *number = value;
        return true;
    }
    if ((text[0] | 32) == 's' && (text[1] | 32) == 'i' && (text[2] | 32) == 'g')
        text += 3;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (same_name(text, names[i].name)) {
            *number = names[i].number;
            return true;
        }
    }
    return false;
}

size_t conf_show_signal(uint64_t number, char *out, size_t size)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].number == number)
            return format_text(out, size, "SIG%s", names[i].name);
    return number ? format_text(out, size, "%lu", number) : format_text(out, size, "off");
}
