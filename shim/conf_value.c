/* The values of the variables: text to field, field to text, and what is wrong with a text.
 *
 * Pure functions over one row of conf.def. No libc, no floating point: a decimal fraction is kept
 * in units of 10^-9, and numbers saturate, so that one too large is out of range, not garbage. */
#include "shim/conf.h"

#include "runtime/mem.h"
#include "shim/log.h"

/* What a parser says of a value. */
enum verdict { GOOD, NOT_ONE, NO_UNIT, OUT_OF_RANGE };

static bool same_text(const char *a, const char *b)
{
    size_t length = strlen(a);

    return length == strlen(b) && memcmp(a, b, length) == 0;
}

/* Word number @index of "a|b|c", or NULL. */
static const char *word_at(const char *words, uint64_t index, size_t *length)
{
    for (;; words++) {
        for (*length = 0; words[*length] != '\0' && words[*length] != '|';)
            ++*length;
        if (index-- == 0)
            return words;
        words += *length;
        if (*words == '\0')
            return NULL;
    }
}

static enum verdict parse_word(const char *words, const char *value, uint64_t *result)
{
    const char *word;
    size_t length;

    for (uint64_t i = 0; (word = word_at(words, i, &length)) != NULL; i++)
        if (strlen(value) == length && memcmp(word, value, length) == 0) {
            *result = i;
            return GOOD;
        }
    return NOT_ONE;
}

static enum verdict parse_bool(const char *value, uint64_t *result)
{
    uint64_t place;

    if (parse_word("off|on|no|yes|false|true|0|1", value, &place) != GOOD)
        return NOT_ONE;
    *result = place & 1;
    return GOOD;
}

/* Digits, saturating. Returns where they end, or NULL when there are none. */
static const char *parse_digits(const char *value, uint64_t *result)
{
    const char *start = value;

    for (*result = 0; *value >= '0' && *value <= '9'; value++)
        if (__builtin_mul_overflow(*result, 10, result) ||
            __builtin_add_overflow(*result, (uint64_t)(*value - '0'), result))
            *result = UINT64_MAX;
    return value == start ? NULL : value;
}

/* "12", "1.5": the whole part and the fraction in 10^-9. Returns where it ends, or NULL. */
static const char *parse_decimal(const char *value, uint64_t *whole, uint64_t *nano)
{
    uint64_t unit = 100000000;
    const char *start;

    *nano = 0;
    value = parse_digits(value, whole);
    if (value == NULL || *value != '.')
        return value;
    start = ++value;
    for (; *value >= '0' && *value <= '9'; value++, unit /= 10)
        *nano += (uint64_t)(*value - '0') * unit;
    return value == start ? NULL : value;
}

/* @whole.@nano x @unit, saturating; @unit is at most 10^9, so the fraction cannot overflow. */
static uint64_t scale(uint64_t whole, uint64_t nano, uint64_t unit)
{
    uint64_t result;

    if (__builtin_mul_overflow(whole, unit, &result))
        return UINT64_MAX;
    return result + nano * unit / NSEC_PER_SEC;
}

static enum verdict parse_duration(const char *value, uint64_t *result)
{
    static const uint64_t units[] = { 1, NSEC_PER_USEC, NSEC_PER_MSEC, NSEC_PER_SEC };
    uint64_t whole, nano, unit;
    const char *end;

    *result = 0;
    if (same_text(value, "off"))
        return GOOD;
    end = parse_decimal(value, &whole, &nano);
    if (end == NULL)
        return NOT_ONE;
    if (*end == '\0')
        return whole == 0 && nano == 0 ? GOOD : NO_UNIT;
    if (parse_word("ns|us|ms|s", end, &unit) != GOOD)
        return NOT_ONE;
    *result = scale(whole, nano, units[unit]);
    if (*result == 0 && (whole != 0 || nano != 0))
        return OUT_OF_RANGE; /* 0.1ns is not off */
    return GOOD;
}

static enum verdict parse_factor(const char *value, uint64_t *result)
{
    uint64_t whole, nano;
    const char *end;

    *result = 0;
    if (same_text(value, "off"))
        return GOOD;
    end = parse_decimal(value, &whole, &nano);
    if (end == NULL || *end != '\0')
        return NOT_ONE;
    *result = scale(whole, nano, CONF_FACTOR_NS);
    return GOOD;
}

static enum verdict parse_unsigned(const char *value, uint64_t *result)
{
    const char *end = parse_digits(value, result);

    return end != NULL && *end == '\0' ? GOOD : NOT_ONE;
}

/* The value alone; GOOD only when it is within the row's range too. */
static enum verdict parse_value(const struct conf_variable *variable, const char *value,
                                uint64_t *result)
{
    enum verdict verdict = NOT_ONE;

    switch (variable->kind) {
    case CONF_BOOL:
        return parse_bool(value, result);
    case CONF_ENUM:
        return parse_word(variable->unit, value, result);
    case CONF_DURATION:
        verdict = parse_duration(value, result);
        if (verdict == GOOD && *result == 0)
            return GOOD;
        break;
    case CONF_FACTOR:
        verdict = parse_factor(value, result);
        break;
    case CONF_UNSIGNED:
        verdict = parse_unsigned(value, result);
        break;
    case CONF_PATH:
        *result = strlen(value);
        return *result < variable->max ? GOOD : OUT_OF_RANGE;
    case CONF_FAULT: {
        struct fault_plan plan;
        return conf_parse_fault(value, &plan) ? GOOD : NOT_ONE;
    }
    case CONF_SIGNAL:
        return conf_parse_signal(value, result) ? GOOD : NOT_ONE;
    case CONF_TOOL:
        return GOOD;
    }
    if (verdict == GOOD && (*result < variable->min || *result > variable->max))
        return OUT_OF_RANGE;
    return verdict;
}

static void store(const struct conf_variable *variable, const char *value, uint64_t number,
                  struct conf *into)
{
    void *field = (char *)into + variable->offset;

    switch (variable->kind) {
    case CONF_BOOL:
        *(bool *)field = number != 0;
        break;
    case CONF_DURATION:
    case CONF_FACTOR:
        *(uint64_t *)field = number;
        break;
    case CONF_UNSIGNED:
    case CONF_ENUM:
    case CONF_SIGNAL:
        *(uint32_t *)field = (uint32_t)number;
        break;
    case CONF_PATH:
        memcpy(field, value, number + 1);
        break;
    case CONF_FAULT:
        if (*value != '\0')
            conf_parse_fault(value, field);
        else
            *(struct fault_plan *)field = (struct fault_plan){ .on = false };
        break;
    case CONF_TOOL:
        break;
    }
}

static size_t show_number(const struct conf_variable *variable, uint64_t number, char *out,
                          size_t size);

static void complain(const struct conf_variable *variable, enum verdict verdict, char *why)
{
    static const char *const nouns[] = {
        [CONF_DURATION] = "duration",
        [CONF_FACTOR] = "factor",
        [CONF_UNSIGNED] = "number",
        [CONF_FAULT] = "list of faults",
        [CONF_SIGNAL] = "signal that can be had",
    };
    char range[CONF_TEXT_BYTES];

    conf_show_range(variable, range, sizeof(range));
    if (verdict == OUT_OF_RANGE && variable->kind == CONF_PATH)
        format_text(why, CONF_TEXT_BYTES, "longer than %lu bytes", variable->max - 1);
    else if (verdict == OUT_OF_RANGE)
        format_text(why, CONF_TEXT_BYTES, "out of range %s", range);
    else if (verdict == NO_UNIT)
        format_text(why, CONF_TEXT_BYTES, "a duration needs a unit: ns, us, ms or s");
    else if (variable->kind == CONF_BOOL || variable->kind == CONF_ENUM)
        format_text(why, CONF_TEXT_BYTES, "not one of %s", range);
    else
        format_text(why, CONF_TEXT_BYTES, "not a %s", nouns[variable->kind]);
}

bool conf_parse(const struct conf_variable *variable, const char *value, struct conf *into,
                char *why)
{
    uint64_t number = variable->initial;
    enum verdict verdict = GOOD;

    if (value[0] != '\0' || variable->kind == CONF_PATH)
        verdict = parse_value(variable, value, &number);
    if (verdict == GOOD)
        store(variable, value, number, into);
    else
        complain(variable, verdict, why);
    return verdict == GOOD;
}

/* The largest unit that leaves a whole number: 10ms, 1500us. */
static size_t show_duration(uint64_t ns, char *out, size_t size)
{
    if (ns == 0)
        return format_text(out, size, "0");
    if (ns % NSEC_PER_SEC == 0)
        return format_text(out, size, "%lus", ns / NSEC_PER_SEC);
    if (ns % NSEC_PER_MSEC == 0)
        return format_text(out, size, "%lums", ns / NSEC_PER_MSEC);
    if (ns % NSEC_PER_USEC == 0)
        return format_text(out, size, "%luus", ns / NSEC_PER_USEC);
    return format_text(out, size, "%luns", ns);
}

static size_t show_factor(uint64_t ns, char *out, size_t size)
{
    uint64_t nano = ns % CONF_FACTOR_NS * (NSEC_PER_SEC / CONF_FACTOR_NS);
    size_t length;

    if (nano == 0)
        return format_text(out, size, "%lu", ns / CONF_FACTOR_NS);
    length = format_text(out, size, "%lu.%09lu", ns / CONF_FACTOR_NS, nano);
    while (length > 0 && out[length - 1] == '0')
        out[--length] = '\0';
    return length;
}

static size_t show_number(const struct conf_variable *variable, uint64_t number, char *out,
                          size_t size)
{
    const char *word;
    size_t length;

    switch (variable->kind) {
    case CONF_BOOL:
        return format_text(out, size, "%s", number ? "on" : "off");
    case CONF_DURATION:
        return show_duration(number, out, size);
    case CONF_FACTOR:
        return show_factor(number, out, size);
    case CONF_SIGNAL:
        return conf_show_signal(number, out, size);
    case CONF_ENUM:
        word = word_at(variable->unit, number, &length);
        return format_text(out, size, "%.*s", word != NULL ? (int)length : 0, word);
    default:
        return format_text(out, size, "%lu", number);
    }
}

size_t conf_show(const struct conf_variable *variable, const struct conf *from, char *out,
                 size_t size)
{
    const void *field = (const char *)from + variable->offset;

    switch (variable->kind) {
    case CONF_BOOL:
        return show_number(variable, *(const bool *)field, out, size);
    case CONF_DURATION:
    case CONF_FACTOR:
        return show_number(variable, *(const uint64_t *)field, out, size);
    case CONF_UNSIGNED:
    case CONF_ENUM:
    case CONF_SIGNAL:
        return show_number(variable, *(const uint32_t *)field, out, size);
    case CONF_PATH:
        return format_text(out, size, "%s", (const char *)field);
    case CONF_FAULT:
        return conf_show_fault(field, out, size);
    default:
        return format_text(out, size, "%s", "");
    }
}

size_t conf_show_initial(const struct conf_variable *variable, char *out, size_t size)
{
    if (variable->kind == CONF_PATH || variable->kind == CONF_TOOL)
        return format_text(out, size, "%s", "");
    if (variable->kind == CONF_FAULT)
        return format_text(out, size, "off");
    return show_number(variable, variable->initial, out, size);
}

/* "a|b|c" as "a, b or c". */
static size_t show_words(const char *words, char *out, size_t size)
{
    size_t used = 0, length, next;
    const char *word;

    for (uint64_t i = 0; (word = word_at(words, i, &length)) != NULL; i++) {
        const char *before = i == 0 ? "" : word_at(words, i + 1, &next) ? ", " : " or ";

        used += format_text(out + used, size - used, "%s%.*s", before, (int)length, word);
    }
    return used;
}

size_t conf_show_range(const struct conf_variable *variable, char *out, size_t size)
{
    size_t used;

    switch (variable->kind) {
    case CONF_BOOL:
    case CONF_ENUM:
        return show_words(variable->unit, out, size);
    case CONF_PATH:
    case CONF_TOOL:
        return format_text(out, size, "a file name");
    case CONF_SIGNAL:
        return format_text(out, size, "off, a signal's name such as USR2, or its number");
    case CONF_FAULT:
        return format_text(out, size, "off, on or seed=NUMBER,FAULT=PART/OF,...");
    default:
        used = show_number(variable, variable->min, out, size);
        used += format_text(out + used, size - used, "..");
        used += show_number(variable, variable->max, out + used, size - used);
        if (variable->kind == CONF_DURATION)
            used += format_text(out + used, size - used, " or 0");
        return used;
    }
}
