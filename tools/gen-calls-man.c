/* Makes coroshim-calls(7): copies a template from standard input to standard output and puts one
 * entry per call of interpose/table.def, by family and name, in the place of the line @CALLS@. What
 * it says of a call beside its doors is in interpose/calls.def.
 *
 * With --check it prints the rows that have no class and the notes that have no row instead, nothing
 * when all is well. */
#include <errno.h>
#include <error.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK       "@CALLS@\n"
#define LINE_WIDTH 72

enum call_class { NONE, READY, OFFLOADED, VIRTUAL, PASSED };
static const char *const class_words[] = { "", "ready", "offloaded", "virtual", "passed" };

struct row {
    const char *family, *name;
    bool by_gate, by_symbol;
};

#define CALL(family, name, ...) { #family, #name, true, true },
#define GATE(family, name, ...) { #family, #name, true, false },
#define DOOR(family, name)      { #family, #name, false, true },
#define CALL0                   CALL
#define CALL1                   CALL
#define CALL2                   CALL
#define CALL3                   CALL
#define CALL4                   CALL
#define CALL5                   CALL
#define CALL6                   CALL
#define GATE0                   GATE
#define GATE1                   GATE
#define GATE2                   GATE
#define GATE3                   GATE
#define GATE4                   GATE
#define GATE5                   GATE
#define GATE6                   GATE
static const struct row rows[] = {
#include "interpose/table.def"
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct family {
    const char *name;
    enum call_class class;
    const char *heading;
};

struct note {
    const char *name;
    enum call_class class;
    const char *text;
};

#define FAMILY(name, class, heading) { #name, class, heading },
#define NOTE(name, class, text)
static const struct family families[] = {
#include "interpose/calls.def"
};
#undef FAMILY
#undef NOTE
#define FAMILY(name, class, heading)
#define NOTE(name, class, text) { #name, class, text },
static const struct note notes[] = {
#include "interpose/calls.def"
};

#define FAMILIES (sizeof(families) / sizeof(families[0]))
#define NOTES    (sizeof(notes) / sizeof(notes[0]))

static const struct note *note_of(const char *name)
{
    for (size_t i = 0; i < NOTES; i++)
        if (strcmp(notes[i].name, name) == 0)
            return &notes[i];
    return NULL;
}

static const struct family *family_of(const char *name)
{
    for (size_t i = 0; i < FAMILIES; i++)
        if (strcmp(families[i].name, name) == 0)
            return &families[i];
    return NULL;
}

static bool has_row(const char *name, bool is_family)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(is_family ? rows[i].family : rows[i].name, name) == 0)
            return true;
    return false;
}

static void check(void)
{
    for (size_t i = 0; i < ROWS; i++)
        if (!note_of(rows[i].name) && !family_of(rows[i].family))
            printf("%s: neither it nor its family %s has a class in interpose/calls.def\n",
                   rows[i].name, rows[i].family);
    for (size_t i = 0; i < NOTES; i++)
        if (!has_row(notes[i].name, false))
            printf("%s: a note of interpose/calls.def without a row\n", notes[i].name);
    for (size_t i = 0; i < FAMILIES; i++)
        if (!has_row(families[i].name, true))
            printf("%s: a family of interpose/calls.def without a row\n", families[i].name);
}

/* Text in lines of decent length, with what roff would take for its own made literal. */
static void print_text(const char *text)
{
    int column = 0;

    for (; *text != '\0'; text++, column++) {
        if (*text == ' ' && column + strcspn(text + 1, " ") > LINE_WIDTH) {
            putchar('\n');
            column = -1;
        } else if (*text == '-') {
            fputs("\\-", stdout);
        } else {
            putchar(*text);
        }
    }
}

/* One call, whose rows by other doors, if any, are merged into @row. */
static void print_call(const struct row *row)
{
    const struct note *note = note_of(row->name);
    const struct family *family = family_of(row->family);
    enum call_class class = note ? note->class : family ? family->class : NONE;

    printf(".TP\n\\fB%s\\fP\n", row->name);
    printf("%s; %s.\n",
           row->by_gate && row->by_symbol ? "Symbol and system call"
           : row->by_gate                 ? "System call"
                                          : "Symbol",
           class_words[class]);
    if (note && note->text[0] != '\0') {
        print_text(note->text);
        fputs(".\n", stdout);
    }
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

/* The rows of @family by name, one per call. */
static void print_family(const char *family, const char *heading)
{
    struct row sorted[ROWS];
    size_t count = 0;

    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].family, family) == 0)
            sorted[count++] = rows[i];
    if (count == 0)
        return;
    qsort(sorted, count, sizeof(sorted[0]), compare_rows);
    printf(".SS %s\n", heading);
    for (size_t i = 0; i < count; i++) {
        struct row call = sorted[i];

        while (i + 1 < count && strcmp(sorted[i + 1].name, call.name) == 0) {
            i++;
            call.by_gate |= sorted[i].by_gate;
            call.by_symbol |= sorted[i].by_symbol;
        }
        print_call(&call);
    }
}

static void print_calls(void)
{
    fputs(".SH CALLS\n", stdout);
    for (size_t i = 0; i < FAMILIES; i++)
        print_family(families[i].name, families[i].heading);
    for (size_t i = 0; i < ROWS; i++) { /* families that calls.def does not know yet */
        bool first = true;

        for (size_t j = 0; j < i; j++)
            first = first && strcmp(rows[j].family, rows[i].family) != 0;
        if (first && !family_of(rows[i].family))
            print_family(rows[i].family, rows[i].family);
    }
}

int main(int argc, char *argv[])
{
    char *line = NULL;
    size_t size = 0;

    if (argc > 1 && strcmp(argv[1], "--check") == 0) {
        check();
        return 0;
    }
    while (getline(&line, &size, stdin) > 0) {
        if (strcmp(line, MARK) == 0)
            print_calls();
        else
            fputs(line, stdout);
    }
    free(line);
    if (ferror(stdin) || fflush(stdout) != 0)
        error(1, errno, "coroshim-calls");
    return 0;
}
