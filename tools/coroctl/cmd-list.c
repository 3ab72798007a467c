/* coroctl list: every live thread, one line each.
 *
 * The table is laid out in two passes over the same cells, the first only to measure: a million
 * threads cost no second copy. */
#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/text.h"
#include "tools/coroctl/tree.h"

/* With --tree: the order of the rows, and how far names stand to the right. */
static struct tree tree;

/* One cell, for a person or exact. */
typedef void print_cell(FILE *out, const struct threads *threads, const struct co_info *thread);

static void cell_id(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    (void)threads;
    fprintf(out, "%lu", thread->id);
}

static void cell_tid(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    (void)threads;
    if (thread->tid != 0)
        fprintf(out, "%u", thread->tid);
    else
        fputc('-', out); /* not started */
}

static void cell_name(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    fprintf(out, "%*s", tree.depths != NULL ? 2 * tree.depths[thread - threads->items] : 0, "");
    print_escaped(out, thread->name[0] != '\0' ? thread->name : "-");
}

static void cell_state(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    (void)threads;
    fputs(state_word(thread->state), out);
}

static void cell_for(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    (void)threads;
    print_duration(out, thread->state_ns);
}

static void exact_for(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    (void)threads;
    fprintf(out, "%lu", thread->state_ns);
}

static void cell_wait(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    if (thread->wait_kind == WAIT_NONE)
        fputc('-', out);
    print_wait(out, threads, thread);
}

static void exact_wait(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    if (thread->wait_kind == WAIT_NONE)
        fputc('-', out);
    print_wait_exact(out, threads, thread);
}

static void cell_cpu(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    (void)threads;
    print_duration(out, thread->cpu_ns);
}

static void exact_cpu(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    (void)threads;
    fprintf(out, "%lu", thread->cpu_ns);
}

static void cell_slices(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    (void)threads;
    fprintf(out, "%lu", thread->slices);
}

static void cell_stack(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    (void)threads;
    print_bytes(out, thread->stack_used_bytes);
}

static void exact_stack(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    (void)threads;
    fprintf(out, "%lu", thread->stack_used_bytes);
}

static const struct column {
    const char *title, *exact_title; /* the latter with the unit */
    print_cell *cell, *exact;
    bool right; /* figures stand on the right */
} columns[] = {
    { "ID", "ID", cell_id, cell_id, true },
    { "TID", "TID", cell_tid, cell_tid, true },
    { "NAME", "NAME", cell_name, cell_name, false },
    { "STATE", "STATE", cell_state, cell_state, false },
    { "FOR", "FOR_NS", cell_for, exact_for, true },
    { "WAITS-ON", "WAITS-ON", cell_wait, exact_wait, false },
    { "CPU", "CPU_NS", cell_cpu, exact_cpu, true },
    { "SLICES", "SLICES", cell_slices, cell_slices, true },
    { "STACK", "STACK_BYTES", cell_stack, exact_stack, true },
};

/* A reusable stream into memory, for one cell at a time. */
struct cell {
    FILE *stream;
    char *text;
    size_t size;
};

static void cell_open(struct cell *cell)
{
    cell->stream = open_memstream(&cell->text, &cell->size);
    if (cell->stream == NULL)
        error(EXIT_FAILED, errno, "memory");
}

static void cell_close(struct cell *cell)
{
    fclose(cell->stream);
    free(cell->text);
}

static const char *render(struct cell *cell, const struct column *column,
                          const struct threads *threads, const struct co_info *thread)
{
    rewind(cell->stream);
    column->cell(cell->stream, threads, thread);
    fputc('\0', cell->stream);
    fflush(cell->stream);
    return cell->text;
}

/* Characters, not bytes: print_escaped lets only whole UTF-8 sequences through. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_padded(const char *text, int width, bool right, bool last)
{
    int padding = width - width_of(text);

    if (right)
        printf("%*s", padding, "");
    fputs(text, stdout);
    if (!right && !last)
        printf("%*s", padding, "");
    fputs(last ? "\n" : "  ", stdout);
}

static const struct co_info *row(const struct threads *threads, size_t i)
{
    return &threads->items[tree.order != NULL ? tree.order[i] : i];
}

static void print_table(const struct threads *threads)
{
    int widths[ARRAY_SIZE(columns)];
    struct cell cell;

    cell_open(&cell);
    for (size_t c = 0; c < ARRAY_SIZE(columns); c++) {
        widths[c] = width_of(columns[c].title);
        for (size_t i = 0; i < threads->count; i++) {
            int width = width_of(render(&cell, &columns[c], threads, &threads->items[i]));

            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (size_t c = 0; c < ARRAY_SIZE(columns); c++)
        print_padded(columns[c].title, widths[c], columns[c].right, c + 1 == ARRAY_SIZE(columns));
    for (size_t i = 0; i < threads->count; i++)
        for (size_t c = 0; c < ARRAY_SIZE(columns); c++)
            print_padded(render(&cell, &columns[c], threads, row(threads, i)), widths[c],
                         columns[c].right, c + 1 == ARRAY_SIZE(columns));
    cell_close(&cell);
}

static void print_plain(const struct threads *threads)
{
    for (size_t c = 0; c < ARRAY_SIZE(columns); c++)
        printf("%s%s", c > 0 ? "\t" : "", columns[c].exact_title);
    putchar('\n');
    for (size_t i = 0; i < threads->count; i++) {
        for (size_t c = 0; c < ARRAY_SIZE(columns); c++) {
            if (c > 0)
                putchar('\t');
            columns[c].exact(stdout, threads, row(threads, i));
        }
        putchar('\n');
    }
}

static int list_run(const struct settings *settings)
{
    static struct connection connection;
    struct threads threads;
    int code;

    if (settings->tree && settings->json) {
        error(0, 0,
              "list --tree and --json exclude each other: a thread's creator_id says the same");
        return EXIT_USAGE;
    }
    code = connection_for(settings, &connection);
    if (code != EXIT_OK)
        return code;
    code = threads_fetch(&connection, &threads);
    connection_close(&connection);
    if (code != EXIT_OK)
        return code;
    if (settings->tree)
        tree = tree_make(&threads);
    if (settings->json)
        json_print_threads(stdout, &threads);
    else if (settings->plain)
        print_plain(&threads);
    else
        print_table(&threads);
    tree_free(&tree);
    tree = (struct tree){ 0 };
    threads_free(&threads);
    return EXIT_OK;
}

static const struct argp_option list_options[] = {
    OPTION_PROCESS,
    OPTION_CORE,
    { "tree", KEY_TREE, NULL, 0, "Put threads below the one that created them", 0 },
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_list = {
    .name = "list",
    .summary = "list the live threads of a process",
    .description = "For each thread: its id and tid, name, state and how long it has been in it, "
                   "what it waits on, the CPU time it used, how often it was switched to, and how "
                   "much of its stack is in use.",
    .options = list_options,
    .run = list_run,
};
