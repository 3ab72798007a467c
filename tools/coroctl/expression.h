/* Calls as people write them: "puts(\"hello\")", "double pow(2, 0.5)", "libm.so.6:lround((float)2.5)". */
#ifndef COROCTL_EXPRESSION_H
#define COROCTL_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/errand_info.h"

/* Not said: the function's debugging information may know. */
#define TYPE_UNKNOWN (-1)

/* A struct, an array, a long double: none that a call can have. */
#define TYPE_OTHER (-2)

struct literal {
    int type;     /* enum call_type, by its form or a cast */
    bool is_cast; /* by a cast: it stays so */
    bool is_floating;
    int64_t integer; /* or where its text begins */
    double floating;
};

struct expression {
    char object[CALL_OBJECT_BYTES]; /* "": not said */
    char name[CALL_NAME_BYTES];
    uint64_t address; /* instead of a name */
    int returns;      /* enum call_type or TYPE_UNKNOWN */
    size_t count;
    struct literal arguments[CALL_ARGUMENTS_MAX];
    char text[CALL_TEXT_BYTES];
};

/* Reads @source. Returns NULL, or what is wrong with it; @at is then where. */
const char *expression_parse(const char *source, struct expression *expression, size_t *at);

/* The enum call_type of a C type's name ("unsigned long", "char *"); TYPE_UNKNOWN: no such type. */
int type_parse(const char *name);

/* How C calls it. */
const char *type_name(int type);

/* Whether @literal keeps its value as @type, signed or not, as in (int)0xffffffff; a fraction may go. What
 * was cast fits: C would do so. */
bool literal_fits(const struct literal *literal, int type);

/* Fills in the bits of @literal converted to @type as C does, but not from text to a number. Returns
 * the type that it is then passed as: text stays text, and what else is a pointer is no text.
 * TYPE_UNKNOWN: it cannot be. */
int literal_convert(const struct literal *literal, int type, uint64_t *bits);

#endif
