/* corun's texts on the variables, made from the rows of conf.def. */
#include "tools/corun/corun.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_COLUMN 30
#define LAST_COLUMN 76

const char *enum_value(const struct conf_variable *variable)
{
    return strcmp(variable->name, "CORO_LOG") == 0 ? "LEVEL" : "WHO";
}

/* "Preempt a thread ... (20us..10s; default 10ms)". */
char *option_help(const struct conf_variable *variable)
{
    char range[CONF_TEXT_BYTES], initial[CONF_PATH_BYTES];
    char *text;
    int length;

    conf_show_range(variable, range, sizeof(range));
    conf_show_initial(variable, initial, sizeof(initial));
    if (variable->kind == CONF_TOOL || variable->kind == CONF_PATH)
        length = asprintf(&text, "%s", variable->text);
    else if (variable->kind == CONF_BOOL)
        length = asprintf(&text, "%s (default %s)", variable->text, initial);
    else
        length = asprintf(&text, "%s (%s; default %s)", variable->text, range, initial);
    if (length < 0)
        error(EXIT_CORUN, errno, "memory");
    return text;
}

/* Prints @text in lines between TEXT_COLUMN and LAST_COLUMN; the first line has begun at @column.
 */
static void print_wrapped(FILE *out, const char *text, int column)
{
    if (column >= TEXT_COLUMN - 1) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", TEXT_COLUMN - column, "");
    column = TEXT_COLUMN;
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");

        if (column + length > LAST_COLUMN && column > TEXT_COLUMN) {
            fprintf(out, "\n%*s", TEXT_COLUMN, "");
            column = TEXT_COLUMN;
        }
        fprintf(out, "%s%.*s", column > TEXT_COLUMN ? " " : "", length, text);
        column += length + (column > TEXT_COLUMN);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

char *environment_help(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        error(EXIT_CORUN, errno, "memory");
    fputs("Environment variables; an option overrides the variable of its name:\n", out);
    for (size_t i = 0; i < conf_variable_count; i++) {
        const struct conf_variable *variable = &conf_variables[i];
        const char *value = variable->kind == CONF_ENUM ? enum_value(variable) : variable->unit;
        char *help = option_help(variable);

        print_wrapped(out, help, fprintf(out, "  %s=%s", variable->name, value));
        free(help);
    }
    fputs("\nSee coroshim-env(7) for details.", out);
    fclose(out);
    return text;
}
