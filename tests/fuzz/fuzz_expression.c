/* What people may write after `coroctl call`: the parser, and the conversion of what it read. */
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/expression.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_argument(const struct expression *expression, const struct literal *literal)
{
    check(literal->type > CALL_VOID && literal->type < CALL_TYPES);
    if (literal->type == CALL_STRING)
        check(memchr(expression->text + literal->integer, '\0',
                     sizeof(expression->text) - (size_t)literal->integer) != NULL);
    for (int type = CALL_INT8; type < CALL_TYPES; type++) {
        uint64_t bits;
        int passed = literal_convert(literal, type, &bits);

        check(passed == TYPE_UNKNOWN || (passed > CALL_VOID && passed < CALL_TYPES));
        check((passed == CALL_STRING) == (literal->type == CALL_STRING && passed != TYPE_UNKNOWN));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct expression expression;
    char *source = malloc(size + 1);
    size_t at;

    if (source == NULL)
        return 0;
    memcpy(source, data, size);
    source[size] = '\0';
    if (expression_parse(source, &expression, &at) == NULL) {
        check(expression.count <= CALL_ARGUMENTS_MAX);
        check(expression.name[0] != '\0');
        check(expression.returns == TYPE_UNKNOWN || type_name(expression.returns) != NULL);
        for (size_t i = 0; i < expression.count; i++)
            check_argument(&expression, &expression.arguments[i]);
    }
    check(at <= strlen(source));
    free(source);
    return 0;
}
