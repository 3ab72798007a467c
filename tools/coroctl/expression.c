/* A parser of calls with literal arguments: C's literals, casts of one of them, nothing nested.
 *
 * It reads from left to right and never beyond the NUL; `at` stays where the trouble is. */
#include "tools/coroctl/expression.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_BYTES 64

struct parser {
    const char *source;
    size_t at;
    struct expression *result;
    size_t text_used;
};

static char peek(const struct parser *parser)
{
    return parser->source[parser->at];
}

static void skip_spaces(struct parser *parser)
{
    while (isspace((unsigned char)peek(parser)))
        parser->at++;
}

static bool take(struct parser *parser, char wanted)
{
    skip_spaces(parser);
    if (peek(parser) != wanted)
        return false;
    parser->at++;
    return true;
}

/* One character of a string or character literal. */
static const char *take_character(struct parser *parser, char *character)
{
    static const char letters[] = "abefnrtv\\'\"?", values[] = "\a\b\033\f\n\r\t\v\\'\"?";
    const char *source = parser->source + parser->at, *letter;
    char *end = NULL;
    char digits[4] = "";

    *character = *source;
    if (*source == '\0')
        return "a quote is missing";
    parser->at++;
    if (*source != '\\')
        return NULL;
    letter = source[1] != '\0' ? strchr(letters, source[1]) : NULL;
    if (letter != NULL) {
        *character = values[letter - letters];
        parser->at++;
        return NULL;
    }
    if (source[1] == 'x') {
        strncpy(digits, source + 2, 2);
        *character = (char)strtol(digits, &end, 16);
        if (end == digits || digits[0] == '-' || digits[0] == '+' || digits[0] == ' ')
            return "a hexadecimal digit is missing";
        parser->at += 1 + (size_t)(end - digits);
        return NULL;
    }
    if (source[1] < '0' || source[1] > '7')
        return "no such escape";
    strncpy(digits, source + 1, 3);
    *character = (char)strtol(digits, &end, 8);
    parser->at += (size_t)(end - digits);
    return NULL;
}

static const char *take_string(struct parser *parser, struct literal *literal)
{
    char *text = parser->result->text;

    literal->type = CALL_STRING;
    literal->integer = (int64_t)parser->text_used;
    for (parser->at++; peek(parser) != '"'; parser->text_used++) {
        const char *wrong;

        if (parser->text_used + 2 >= CALL_TEXT_BYTES)
            return "too much text";
        wrong = take_character(parser, &text[parser->text_used]);
        if (wrong != NULL)
            return wrong;
    }
    parser->at++;
    if (parser->text_used + 1 >= CALL_TEXT_BYTES)
        return "too much text";
    text[parser->text_used++] = '\0';
    return NULL;
}

static const char *take_quoted(struct parser *parser, struct literal *literal)
{
    char character;
    const char *wrong;

    parser->at++;
    wrong = take_character(parser, &character);
    if (wrong != NULL)
        return wrong;
    if (peek(parser) != '\'')
        return "a quote is missing";
    parser->at++;
    literal->type = CALL_INT32;
    literal->integer = character;
    return NULL;
}

/* The suffix and the size decide, as in C. */
static void type_integer(struct literal *literal, bool is_negative, bool is_decimal,
                         bool is_unsigned, bool is_long)
{
    uint64_t value = (uint64_t)literal->integer;

    if (!is_long && !is_unsigned && value <= INT32_MAX)
        literal->type = CALL_INT32;
    else if (!is_long && (is_unsigned || !is_decimal) && value <= UINT32_MAX)
        literal->type = CALL_UINT32;
    else
        literal->type = !is_unsigned && value <= INT64_MAX ? CALL_INT64 : CALL_UINT64;
    if (is_negative)
        literal->integer = (int64_t)-value;
    if (is_negative && literal->type == CALL_UINT64 && !is_unsigned)
        literal->type = CALL_INT64;
}

static const char *take_integer(struct parser *parser, struct literal *literal, bool is_negative)
{
    const char *start = parser->source + parser->at;
    char *end;
    bool is_unsigned = false, is_long = false;

    errno = 0;
    literal->integer = (int64_t)strtoull(start, &end, 0);
    if (errno != 0 || (is_negative && (uint64_t)literal->integer > UINT64_C(1) << 63))
        return "the number is too large";
    for (;; end++) {
        if (*end == 'u' || *end == 'U')
            is_unsigned = true;
        else if (*end == 'l' || *end == 'L')
            is_long = true;
        else
            break;
    }
    parser->at = (size_t)(end - parser->source);
    type_integer(literal, is_negative, *start != '0', is_unsigned, is_long);
    return NULL;
}

static const char *take_number(struct parser *parser, struct literal *literal)
{
    bool is_negative = peek(parser) == '-';
    const char *start;
    bool is_hexadecimal;
    char *end;

    if (peek(parser) == '-' || peek(parser) == '+')
        parser->at++;
    start = parser->source + parser->at;
    if (!isdigit((unsigned char)*start) && *start != '.')
        return "expected a number, text in quotes, NULL, true or false";
    is_hexadecimal = start[0] == '0' && (start[1] == 'x' || start[1] == 'X');
    if (start[strspn(start, is_hexadecimal ? "xX0123456789abcdefABCDEF" : "0123456789")] != '.' &&
        (is_hexadecimal || strcspn(start, "eE") != strspn(start, "0123456789") ||
         start[strspn(start, "0123456789")] == '\0'))
        return take_integer(parser, literal, is_negative);
    literal->floating = strtod(start, &end);
    if (end == start)
        return "expected a number";
    literal->is_floating = true;
    literal->type = CALL_DOUBLE;
    if (is_negative)
        literal->floating = -literal->floating;
    if (*end == 'f' || *end == 'F') {
        literal->type = CALL_FLOAT;
        end++;
    }
    parser->at = (size_t)(end - parser->source);
    return NULL;
}

static bool take_word(struct parser *parser, const char *word)
{
    size_t length = strlen(word);
    const char *source = parser->source + parser->at;

    if (strncmp(source, word, length) != 0 || isalnum((unsigned char)source[length]) ||
        source[length] == '_')
        return false;
    parser->at += length;
    return true;
}

static const char *take_literal(struct parser *parser, struct literal *literal)
{
    skip_spaces(parser);
    if (peek(parser) == '"')
        return take_string(parser, literal);
    if (peek(parser) == '\'')
        return take_quoted(parser, literal);
    literal->type = CALL_POINTER;
    if (take_word(parser, "NULL"))
        return NULL;
    literal->type = CALL_INT32;
    literal->integer = peek(parser) == 't';
    if (take_word(parser, "true") || take_word(parser, "false"))
        return NULL;
    return take_number(parser, literal);
}

/* "(double)2", "(long)-1", "2". */
static const char *take_argument(struct parser *parser, struct literal *literal)
{
    const char *wrong, *start;
    char name[TYPE_BYTES];
    size_t length, before;
    int type;

    *literal = (struct literal){ 0 };
    if (!take(parser, '('))
        return take_literal(parser, literal);
    before = parser->at;
    start = parser->source + parser->at;
    length = strcspn(start, ")");
    if (start[length] == '\0' || length >= sizeof(name))
        return "expected a type and ')'";
    memcpy(name, start, length);
    name[length] = '\0';
    type = type_parse(name);
    if (type == TYPE_UNKNOWN || type == CALL_VOID)
        return "no such type";
    parser->at += length + 1;
    wrong = take_literal(parser, literal);
    if (wrong != NULL)
        return wrong;
    type = literal_convert(literal, type, &(uint64_t){ 0 });
    if (type == TYPE_UNKNOWN) {
        parser->at = before;
        return "this cannot be converted to that type";
    }
    literal->is_cast = true;
    literal->type = type; /* a number cast to "char *" is a pointer, no text of ours */
    return NULL;
}

static bool copy(char *to, size_t size, const char *from, size_t length)
{
    if (length >= size)
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

/* Before the name there may be a type, and before that nothing: "unsigned long f". Points @name at
 * the last word. */
static const char *split_type(const char *source, size_t length, const char **name, int *returns)
{
    char type[TYPE_BYTES];
    size_t start = length;

    while (start > 0 && !isspace((unsigned char)source[start - 1]) && source[start - 1] != '*')
        start--;
    *name = source + start;
    if (start == 0)
        return NULL;
    if (!copy(type, sizeof(type), source, start))
        return "no such type";
    *returns = type_parse(type);
    return *returns == TYPE_UNKNOWN ? "no such type" : NULL;
}

/* "name", "object:name", "space::name" or an address. */
static const char *take_function(struct parser *parser)
{
    struct expression *result = parser->result;
    size_t length = strcspn(parser->source + parser->at, "(");
    const char *source = parser->source + parser->at, *name, *colon, *wrong;
    char *end;

    if (source[length] == '\0')
        return "expected FUNCTION(ARGUMENTS)";
    parser->at += length + 1;
    while (length > 0 && isspace((unsigned char)source[length - 1]))
        length--;
    wrong = split_type(source, length, &name, &result->returns);
    if (wrong != NULL) {
        parser->at = 0;
        return wrong;
    }
    length -= (size_t)(name - source);
    if (length == 0)
        return "expected the name of a function";
    for (colon = name; colon < name + length; colon++) {
        if (*colon != ':')
            continue;
        if (colon[1] != ':')
            break;
        colon++;
    }
    if (colon < name + length) {
        if (!copy(result->object, sizeof(result->object), name, (size_t)(colon - name)))
            return "the object's name is too long";
        length -= (size_t)(colon + 1 - name);
        name = colon + 1;
    }
    if (!copy(result->name, sizeof(result->name), name, length))
        return "the function's name is too long";
    if (result->name[0] == '0' && result->name[1] == 'x') {
        result->address = strtoull(result->name, &end, 16);
        return *end == '\0' && result->address != 0 ? NULL : "no such address";
    }
    return length != 0 ? NULL : "expected the name of a function";
}

static const char *take_arguments(struct parser *parser)
{
    struct expression *result = parser->result;
    const char *wrong;

    if (take(parser, ')'))
        return NULL;
    do {
        if (result->count == CALL_ARGUMENTS_MAX)
            return "too many arguments";
        wrong = take_argument(parser, &result->arguments[result->count]);
        if (wrong != NULL)
            return wrong;
        result->count++;
    } while (take(parser, ','));
    return take(parser, ')') ? NULL : "expected ',' or ')'";
}

const char *expression_parse(const char *source, struct expression *expression, size_t *at)
{
    struct parser parser = { .source = source, .result = expression };
    const char *wrong;

    memset(expression, 0, sizeof(*expression));
    expression->returns = TYPE_UNKNOWN;
    skip_spaces(&parser);
    wrong = take_function(&parser);
    if (wrong == NULL)
        wrong = take_arguments(&parser);
    if (wrong == NULL) {
        take(&parser, ';');
        skip_spaces(&parser);
        if (peek(&parser) != '\0')
            wrong = "something follows the call";
    }
    *at = parser.at;
    return wrong;
}
