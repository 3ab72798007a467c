/* Makes coroshim-env(7): copies a template from standard input to standard output and puts one
 * entry per row of conf.def, in the order of their names, in the place of the line @VARIABLES@, and
 * one per fault of CORO_FAULT in that of @FAULTS@. */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/conf.h"

#define MARK        "@VARIABLES@\n"
#define MARK_FAULTS "@FAULTS@\n"
#define LINE_WIDTH  72

static int compare_names(const void *a, const void *b)
{
    const struct conf_variable *const *one = a, *const *other = b;

    return strcmp((*one)->name, (*other)->name);
}

/* Text in lines of decent length, with what roff would take for its own made literal. */
static void print_text(const char *text)
{
    int column = 0;

    for (; *text != '\0'; text++, column++) {
        if (*text == ' ' && column + strcspn(text + 1, " ") > LINE_WIDTH) {
            putchar('\n');
            column = -1;
        } else if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    }
}

static void print_range(const struct conf_variable *variable)
{
    char range[CONF_TEXT_BYTES], initial[CONF_TEXT_BYTES];

    conf_show_range(variable, range, sizeof(range));
    conf_show_initial(variable, initial, sizeof(initial));
    fputs("Values: ", stdout);
    print_text(range);
    if (variable->kind == CONF_FACTOR)
        fputs(", decimals allowed", stdout);
    printf(".\nDefault: ");
    print_text(initial[0] != '\0' ? initial : "none");
    fputs(".\n", stdout);
}

/* \fBCORO_SLICE\fP=\fIDURATION\fP, or the words themselves. */
static void print_heading(const struct conf_variable *variable)
{
    printf(".TP\n\\fB%s\\fP=", variable->name);
    if (strchr(variable->unit, '|') != NULL)
        for (const char *c = variable->unit; *c != '\0'; c++)
            fputs(*c == '|' ? " | " : (char[]){ *c, '\0' }, stdout);
    else
        printf("\\fI%s\\fP", variable->unit);
    putchar('\n');
}

static void print_variables(void)
{
    const struct conf_variable **sorted = calloc(conf_variable_count, sizeof(const void *));

    if (sorted == NULL)
        error(1, errno, "memory");
    for (size_t i = 0; i < conf_variable_count; i++)
        sorted[i] = &conf_variables[i];
    qsort(sorted, conf_variable_count, sizeof(const void *), compare_names);
    for (size_t i = 0; i < conf_variable_count; i++) {
        print_heading(sorted[i]);
        print_text(sorted[i]->text);
        fputs(".\n", stdout);
        print_range(sorted[i]);
    }
    free(sorted);
}

static void print_fault(const char *word, unsigned usual, const char *text)
{
    printf(".TP\n\\fB%s\\fP\n", word);
    print_text(text);
    if (usual)
        printf("; usually 1/%u of the times.\n", usual);
    else
        printf("; only when named.\n");
}

static void print_faults(void)
{
#define FAULT_ENTRY(name, word, usual, text) print_fault(#word, usual, text);
    FAULT_LIST(FAULT_ENTRY)
#undef FAULT_ENTRY
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        if (strcmp(line, MARK) == 0)
            print_variables();
        else if (strcmp(line, MARK_FAULTS) == 0)
            print_faults();
        else
            fputs(line, stdout);
    }
    free(line);
    if (ferror(stdin) || fflush(stdout) != 0)
        error(1, errno, "coroshim-env");
    return 0;
}
