/* Calls with any arguments, by libffi.
 *
 * A signature becomes libffi's types: one block holds the call, the structs' types and all lists of
 * pointers to types, for which the number of letters is a bound; a second one holds the arguments' values
 * and the result, whose sizes are known once libffi has laid the structs out. A call belongs to whoever
 * made it; nothing here is shared. */
#include "shim/api/call.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shim/api/ffi.h"

#define ARGUMENTS_MAX   32
#define NESTING_MAX     8
#define SIGNATURE_MAX   1024
#define VALUE_ALIGNMENT 16

struct coro_call {
    coro_fn fn;
    ffi_cif cif;
    char letter; /* of the result; '{' */
    ffi_type *result_type;
    ffi_type *types[ARGUMENTS_MAX];
    void *values[ARGUMENTS_MAX];
    void *result; /* at the head of the block of values */
};

/* Reads a signature from left to right; @structs and @lists are taken from as it goes. */
struct parser {
    const char *at;
    ffi_type *structs;
    ffi_type **lists;
    int depth;
};

static void skip_separators(struct parser *parser)
{
    while (*parser->at == ' ' || *parser->at == ',')
        parser->at++;
}

/* How many members the struct has whose first member is at @at. */
static size_t count_members(const char *at)
{
    size_t count = 0;
    int depth = 0;
    for (; *at && (*at != '}' || depth); at++) {
        if (*at == ' ' || *at == ',')
            continue;
        count += depth == 0; /* a struct by its opening brace */
        depth += (*at == '{') - (*at == '}');
    }
    return count;
}

static ffi_type *parse_type(struct parser *parser);

/* After the brace. */
static ffi_type *parse_struct(struct parser *parser)
{
    ffi_type *type = parser->structs++;
    size_t count = count_members(parser->at), i = 0;
    if (++parser->depth > NESTING_MAX || !count)
        return NULL;
    *type = (ffi_type){ .type = FFI_TYPE_STRUCT, .elements = parser->lists };
    parser->lists += count + 1;
    for (skip_separators(parser); *parser->at && *parser->at != '}'; skip_separators(parser)) {
        ffi_type *member = parse_type(parser);
        if (!member || member->type == FFI_TYPE_VOID)
            return NULL;
        type->elements[i++] = member;
    }
    if (*parser->at++ != '}')
        return NULL;
    type->elements[i] = NULL;
    parser->depth--;
    return type;
}

/* NULL: there is none. */
static ffi_type *parse_type(struct parser *parser)
{
    skip_separators(parser);
    char letter = *parser->at;
    if (!letter)
        return NULL;
    parser->at++;
    return letter == '{' ? parse_struct(parser) : api_ffi_type(letter);
}

/* Returns how many arguments there are, or -1. */
static int parse_signature(struct coro_call *call, struct parser *parser)
{
    int count = 0;
    skip_separators(parser);
    call->letter = *parser->at;
    call->result_type = parse_type(parser);
    skip_separators(parser);
    if (!call->result_type || *parser->at++ != '(')
        return -1;
    for (skip_separators(parser); *parser->at && *parser->at != ')'; skip_separators(parser)) {
        ffi_type *type = count < ARGUMENTS_MAX ? parse_type(parser) : NULL;
        if (!type || type->type == FFI_TYPE_VOID)
            return -1;
        call->types[count++] = type;
    }
    if (*parser->at++ != ')')
        return -1;
    skip_separators(parser);
    return *parser->at ? -1 : count;
}

/* Small types come promoted, as C passes them to a function with `...`. */
static void take_argument(const ffi_type *type, void *value, va_list *arguments)
{
    switch (type->type) {
    case FFI_TYPE_STRUCT:
        memcpy(value, va_arg(*arguments, const void *), type->size);
        break;
    case FFI_TYPE_FLOAT:
        *(float *)value = (float)va_arg(*arguments, double);
        break;
    case FFI_TYPE_DOUBLE:
        *(double *)value = va_arg(*arguments, double);
        break;
    case FFI_TYPE_POINTER:
    case FFI_TYPE_SINT64:
    case FFI_TYPE_UINT64:
        *(uint64_t *)value = va_arg(*arguments, uint64_t);
        break;
    default: { /* little-endian: the low bytes are the value */
        unsigned word = va_arg(*arguments, unsigned);
        memcpy(value, &word, type->size);
    }
    }
}

static size_t room_for(const ffi_type *type)
{
    size_t bytes = type->size < sizeof(ffi_arg) ? sizeof(ffi_arg) : type->size;
    return (bytes + VALUE_ALIGNMENT - 1) & ~(size_t)(VALUE_ALIGNMENT - 1);
}

static int take_values(struct coro_call *call, int count, va_list arguments)
{
    size_t bytes = room_for(call->result_type);
    for (int i = 0; i < count; i++)
        bytes += room_for(call->types[i]);
    char *at = call->result = calloc(1, bytes);
    if (!at)
        return ENOMEM;
    va_list rest;
    va_copy(rest, arguments);
    at += room_for(call->result_type);
    for (int i = 0; i < count; i++) {
        call->values[i] = at;
        take_argument(call->types[i], at, &rest);
        at += room_for(call->types[i]);
    }
    va_end(rest);
    return 0;
}

static int fill(struct coro_call *call, struct parser *parser, const struct api_ffi *ffi,
                va_list arguments)
{
    int count = parse_signature(call, parser);
    if (count < 0 || ffi->prep_cif(&call->cif, FFI_DEFAULT_ABI, (unsigned)count, call->result_type,
                                   call->types) != FFI_OK)
        return EINVAL;
    return take_values(call, count, arguments);
}

int api_call_make(struct coro_call **out, coro_fn fn, const char *signature, va_list arguments)
{
    size_t length = signature ? strnlen(signature, SIGNATURE_MAX) : SIGNATURE_MAX;
    if (!fn || length == SIGNATURE_MAX)
        return EINVAL;
    const struct api_ffi *ffi = api_ffi();
    if (!ffi)
        return ELIBACC;
    /* At most a struct a letter, and in the lists a type and an end for each. */
    struct coro_call *call =
        calloc(1, sizeof(*call) + length * (sizeof(ffi_type) + 2 * sizeof(ffi_type *)));
    if (!call)
        return ENOMEM;
    struct parser parser = { .at = signature, .structs = (ffi_type *)(call + 1) };
    parser.lists = (ffi_type **)(parser.structs + length);
    call->fn = fn;
    int error = fill(call, &parser, ffi, arguments);
    if (error) {
        api_call_free(call);
        return error;
    }
    *out = call;
    return 0;
}

void api_call_run(struct coro_call *call)
{
    api_ffi()->call(&call->cif, call->fn, call->result, call->values);
}

coro_fn api_call_function(const struct coro_call *call)
{
    return call->fn;
}

/* libffi widens small integers to a register. */
void api_call_result(const struct coro_call *call, void *result)
{
    if (result && call->letter != 'v')
        memcpy(result, call->result, call->result_type->size);
}

void api_call_outcome(const struct coro_call *call, int error, struct coro_outcome *outcome)
{
    memset(outcome, 0, sizeof(*outcome));
    outcome->error = error;
    if (error || call->letter == 'v')
        return;
    size_t size = call->result_type->size;
    if (call->letter == 'f')
        outcome->value.d = (double)*(float *)call->result;
    else if (call->letter == '{')
        memcpy(outcome->value.bytes, call->result,
               size < sizeof(outcome->value.bytes) ? size : sizeof(outcome->value.bytes));
    else
        memcpy(&outcome->value, call->result, sizeof(outcome->value.u));
}

void api_call_free(struct coro_call *call)
{
    if (!call)
        return;
    free(call->result);
    free(call);
}
