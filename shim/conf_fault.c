/* The value of CORO_FAULT: "seed=7,delay=1/50,short=1/20", "on" for the usual faults, "off". */
#include "shim/conf.h"

#include "runtime/mem.h"
#include "shim/log.h"

static const struct {
    const char *word;
    uint32_t usual; /* once in so many times; 0: only when named */
} faults[] = {
#define FAULT_ROW(name, word, usual, text) { #word, usual },
    FAULT_LIST(FAULT_ROW)
#undef FAULT_ROW
};

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* Digits up to @end; false when there are none, other characters, or too many. */
static bool parse_number(const char *text, const char *end, uint64_t *number)
{
    *number = 0;
    for (const char *c = text; c < end; c++) {
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*c - '0'), number))
            return false;
    }
    return text < end;
}

/* "1/50", or "0" for never. */
static bool parse_rate(const char *text, const char *end, uint32_t *part, uint32_t *of)
{
    const char *slash = text;
    uint64_t first, second = 1;

    while (slash < end && *slash != '/')
        slash++;
    if (!parse_number(text, slash, &first))
        return false;
    if (slash < end && !parse_number(slash + 1, end, &second))
        return false;
    if (second == 0 || second > UINT32_MAX || first > second)
        return false;
    *part = (uint32_t)first;
    *of = (uint32_t)second;
    return true;
}

static bool parse_item(const char *item, const char *end, struct fault_plan *plan)
{
    const char *equals = item;
    size_t length;

    while (equals < end && *equals != '=')
        equals++;
    length = (size_t)(equals - item);
    if (is_word(item, length, "on") && equals == end)
        return true;
    if (equals == end)
        return false;
    if (is_word(item, length, "seed"))
        return plan->seeded = parse_number(equals + 1, end, &plan->seed);
    for (size_t i = 0; i < FAULTS; i++)
        if (is_word(item, length, faults[i].word))
            return parse_rate(equals + 1, end, &plan->part[i], &plan->of[i]);
    return false;
}

bool conf_parse_fault(const char *text, struct fault_plan *into)
{
    struct fault_plan plan = { .on = true };
    const char *end = text;

    if (is_word(text, strlen(text), "off")) {
        *into = (struct fault_plan){ .on = false };
        return true;
    }
    for (size_t i = 0; i < FAULTS; i++) {
        plan.part[i] = faults[i].usual != 0;
        plan.of[i] = faults[i].usual;
    }
    for (;; text = end + 1) {
        end = text;
        while (*end != '\0' && *end != ',')
            end++;
        if (!parse_item(text, end, &plan))
            return false;
        if (*end == '\0')
            break;
    }
    *into = plan;
    return true;
}

size_t conf_show_fault(const struct fault_plan *plan, char *out, size_t size)
{
    size_t used;

    if (!plan->on)
        return format_text(out, size, "off");
    used = plan->seeded ? format_text(out, size, "seed=%lu", plan->seed)
                        : format_text(out, size, "on");
    for (size_t i = 0; i < FAULTS; i++)
        if (plan->part[i])
            used += format_text(out + used, size - used, ",%s=%u/%u", faults[i].word, plan->part[i],
                                plan->of[i]);
    return used;
}
