/* The C types that a call may have, by name, and the values of literals as those types. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "runtime/base.h"
#include "tools/coroctl/expression.h"

#define TYPE_WORDS_BYTES 64
#define INT64_LIMIT      9.2e18

/* On x86-64 Linux; the first name of each is the one that we say. */
static const struct {
    const char *name;
    int type;
} types[] = {
    { "void", CALL_VOID },
    { "char", CALL_INT8 },
    { "signed char", CALL_INT8 },
    { "int8_t", CALL_INT8 },
    { "unsigned char", CALL_UINT8 },
    { "uint8_t", CALL_UINT8 },
    { "bool", CALL_UINT8 },
    { "_Bool", CALL_UINT8 },
    { "short", CALL_INT16 },
    { "int16_t", CALL_INT16 },
    { "unsigned short", CALL_UINT16 },
    { "uint16_t", CALL_UINT16 },
    { "int", CALL_INT32 },
    { "signed", CALL_INT32 },
    { "int32_t", CALL_INT32 },
    { "pid_t", CALL_INT32 },
    { "unsigned", CALL_UINT32 },
    { "unsigned int", CALL_UINT32 },
    { "uint32_t", CALL_UINT32 },
    { "long", CALL_INT64 },
    { "long int", CALL_INT64 },
    { "long long", CALL_INT64 },
    { "int64_t", CALL_INT64 },
    { "ssize_t", CALL_INT64 },
    { "intptr_t", CALL_INT64 },
    { "off_t", CALL_INT64 },
    { "time_t", CALL_INT64 },
    { "unsigned long", CALL_UINT64 },
    { "unsigned long int", CALL_UINT64 },
    { "unsigned long long", CALL_UINT64 },
    { "uint64_t", CALL_UINT64 },
    { "size_t", CALL_UINT64 },
    { "uintptr_t", CALL_UINT64 },
    { "float", CALL_FLOAT },
    { "double", CALL_DOUBLE },
    { "void *", CALL_POINTER },
    { "char *", CALL_STRING },
};

/* Copies @name with one space between words and before the first star, without const and struct.
 * Returns false when it is too long. */
static bool tidy(const char *name, char *words, size_t size)
{
    size_t used = 0;

    while (*name != '\0') {
        size_t length = 0;

        while (isspace((unsigned char)*name))
            name++;
        while (isalnum((unsigned char)name[length]) || name[length] == '_')
            length++;
        if (length == 0 && *name != '\0')
            length = 1;
        if (used + length + 2 > size)
            return false;
        if (length != 0 && !(length == strlen("const") && strncmp(name, "const", length) == 0)) {
            if (used != 0)
                words[used++] = ' ';
            memcpy(words + used, name, length);
            used += length;
        }
        name += length;
    }
    words[used] = '\0';
    return true;
}

int type_parse(const char *name)
{
    char words[TYPE_WORDS_BYTES];
    size_t length;

    if (!tidy(name, words, sizeof(words)))
        return TYPE_UNKNOWN;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (strcmp(words, types[i].name) == 0)
            return types[i].type;
    length = strlen(words);
    return length > 2 && isalpha((unsigned char)words[0]) && words[length - 1] == '*'
               ? CALL_POINTER
               : TYPE_UNKNOWN;
}

const char *type_name(int type)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return "unknown";
}

static uint64_t integer_bits(int64_t value, int type)
{
    switch (type) {
    case CALL_INT8:
        return (uint64_t)(int8_t)value;
    case CALL_UINT8:
        return (uint8_t)value;
    case CALL_INT16:
        return (uint64_t)(int16_t)value;
    case CALL_UINT16:
        return (uint16_t)value;
    case CALL_INT32:
        return (uint64_t)(int32_t)value;
    case CALL_UINT32:
        return (uint32_t)value;
    default:
        return (uint64_t)value;
    }
}

static unsigned integer_width(int type)
{
    switch (type) {
    case CALL_INT8:
    case CALL_UINT8:
        return 8;
    case CALL_INT16:
    case CALL_UINT16:
        return 16;
    case CALL_INT32:
    case CALL_UINT32:
        return 32;
    default:
        return 64;
    }
}

bool literal_fits(const struct literal *literal, int type)
{
    unsigned width = integer_width(type);
    int64_t value = literal->integer;

    if (literal->is_cast || literal->type == CALL_STRING)
        return true;
    if (type == CALL_FLOAT || type == CALL_DOUBLE)
        return !literal->is_floating || type == CALL_DOUBLE ||
               isinf((float)literal->floating) == isinf(literal->floating);
    if (literal->is_floating) {
        if (literal->floating <= -INT64_LIMIT || literal->floating >= INT64_LIMIT)
            return false;
        value = (int64_t)literal->floating;
    }
    return width == 64 || (value >= -(INT64_C(1) << (width - 1)) && value < INT64_C(1) << width);
}

int literal_convert(const struct literal *literal, int type, uint64_t *bits)
{
    double floating = literal->is_floating ? literal->floating : (double)literal->integer;
    float narrow = (float)floating;

    *bits = (uint64_t)literal->integer;
    if (literal->type == CALL_STRING)
        return type == CALL_STRING || type == CALL_POINTER ? CALL_STRING : TYPE_UNKNOWN;
    if (type == CALL_STRING || type == CALL_POINTER)
        return literal->is_floating ? TYPE_UNKNOWN : CALL_POINTER;
    if (type == CALL_FLOAT) {
        *bits = 0;
        memcpy(bits, &narrow, sizeof(narrow));
    } else if (type == CALL_DOUBLE) {
        memcpy(bits, &floating, sizeof(floating));
    } else if (!literal->is_floating) {
        *bits = integer_bits(literal->integer, type);
    } else if (floating > -INT64_LIMIT && floating < INT64_LIMIT) {
        *bits = integer_bits((int64_t)floating, type);
    } else {
        return TYPE_UNKNOWN;
    }
    return type;
}
