/* A profile as text: what each function costs by itself and with those it calls, and who calls whom.
 *
 * A function that is several times in one stack, for it is recursive, counts once in its total, and
 * so does a pair of caller and called. What a thread's name says is no function. */
#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/profile.h"
#include "tools/coroctl/text.h"

#define DEEPEST    512 /* of a stack; deeper ones count as if they ended there */
#define EXPLAINED  10  /* functions whose callers and called are shown */
#define NEIGHBOURS 5

struct counting {
    struct profile_table table;
    const struct profile_node *path[DEEPEST];
    size_t depth;
    const char *chosen; /* whose neighbours are counted: */
    uint64_t *callers, *called;
};

static void *must(void *memory)
{
    if (memory == NULL)
        error(EXIT_FAILED, errno, "memory");
    return memory;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct profile_row *)a)->name, ((const struct profile_row *)b)->name);
}

static int by_cost(const void *a, const void *b)
{
    const struct profile_row *x = a, *y = b;

    if (x->self != y->self)
        return x->self < y->self ? 1 : -1;
    if (x->total != y->total)
        return x->total < y->total ? 1 : -1;
    return strcmp(x->name, y->name);
}

static struct profile_row *row_of(const struct profile_table *table, const char *name)
{
    const struct profile_row wanted = { .name = name };

    return bsearch(&wanted, table->rows, table->count, sizeof(wanted), by_name);
}

static size_t count_nodes(const struct profile_node *node)
{
    size_t count = 0;

    for (const struct profile_node *child = node->first; child != NULL; child = child->next)
        count += 1 + count_nodes(child);
    return count;
}

static void add_names(struct profile_table *table, const struct profile_node *node)
{
    for (const struct profile_node *child = node->first; child != NULL; child = child->next) {
        table->rows[table->count++].name = child->name;
        add_names(table, child);
    }
}

static struct profile_table table_of(const struct profile_node *root)
{
    struct profile_table table = { .rows = must(
                                       calloc(count_nodes(root) + 1, sizeof(struct profile_row))) };
    size_t kept = 0;

    for (const struct profile_node *thread = root->first; thread != NULL; thread = thread->next)
        add_names(&table, thread);
    qsort(table.rows, table.count, sizeof(*table.rows), by_name);
    for (size_t i = 0; i < table.count; i++)
        if (kept == 0 || strcmp(table.rows[kept - 1].name, table.rows[i].name) != 0)
            table.rows[kept++] = table.rows[i];
    table.count = kept;
    return table;
}

/* Is @called on the way already, below @caller unless NULL? path[0] is the thread. */
static bool was_there(const struct counting *counting, const char *caller, const char *called)
{
    for (size_t i = 1; i + 1 < counting->depth; i++)
        if (strcmp(counting->path[i]->name, called) == 0 &&
            (caller == NULL || strcmp(counting->path[i - 1]->name, caller) == 0))
            return true;
    return false;
}

static void count_row(struct counting *counting, const struct profile_node *node)
{
    struct profile_row *row = row_of(&counting->table, node->name);

    row->self += node->own;
    if (!was_there(counting, NULL, node->name))
        row->total += node->total;
}

static void count_pair(struct counting *counting, const struct profile_node *node)
{
    const struct profile_node *caller = counting->path[counting->depth - 2];
    const struct profile_row *rows = counting->table.rows;

    if (counting->depth < 3 || was_there(counting, caller->name, node->name))
        return;
    if (strcmp(node->name, counting->chosen) == 0)
        counting->callers[row_of(&counting->table, caller->name) - rows] += node->total;
    if (strcmp(caller->name, counting->chosen) == 0)
        counting->called[row_of(&counting->table, node->name) - rows] += node->total;
}

static void walk(struct counting *counting, const struct profile_node *node)
{
    if (counting->depth == DEEPEST)
        return;
    counting->path[counting->depth++] = node;
    if (counting->depth > 1 && counting->chosen != NULL)
        count_pair(counting, node);
    else if (counting->depth > 1)
        count_row(counting, node);
    for (const struct profile_node *child = node->first; child != NULL; child = child->next)
        walk(counting, child);
    counting->depth--;
}

static void walk_all(struct counting *counting, const struct profile_node *root)
{
    for (const struct profile_node *thread = root->first; thread != NULL; thread = thread->next)
        walk(counting, thread);
}

struct profile_table profile_functions(const struct profile_node *root)
{
    struct counting counting = { .table = table_of(root) };

    walk_all(&counting, root);
    qsort(counting.table.rows, counting.table.count, sizeof(struct profile_row), by_cost);
    return counting.table;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

static bool is_wait(const char *name)
{
    char leaf[32];

    for (uint32_t kind = WAIT_NONE; kind < WAIT_KINDS; kind++) {
        snprintf(leaf, sizeof(leaf), "[%s]", wait_word(kind));
        if (strcmp(name, leaf) == 0)
            return true;
    }
    return false;
}

/* What a thread waits on is no function: the leaf "[read]" is "<wait> read". */
static void print_name(FILE *out, const char *name, bool waits)
{
    if (waits && is_wait(name))
        fprintf(out, "<wait> %.*s\n", (int)strlen(name) - 2, name + 1);
    else
        fprintf(out, "%s\n", name);
}

/* The largest of @samples, which are by row, first. */
static void print_neighbours(FILE *out, const char *title, const struct counting *counting,
                             uint64_t *samples, const struct profile_summary *summary)
{
    for (int i = 0; i < NEIGHBOURS; i++) {
        size_t most = 0;

        for (size_t row = 1; row < counting->table.count; row++)
            most = samples[row] > samples[most] ? row : most;
        if (samples[most] == 0)
            return;
        if (i == 0)
            fprintf(out, "  %s\n", title);
        fprintf(out, "    %6.2f %%  ", percent(samples[most], summary->whole));
        print_name(out, counting->table.rows[most].name, summary->waits);
        samples[most] = 0;
    }
}

static void explain(FILE *out, const struct profile_node *root, const struct profile_row *row,
                    const struct profile_summary *summary)
{
    struct counting counting = { .table = table_of(root), .chosen = row->name };

    counting.callers = must(calloc(counting.table.count, sizeof(uint64_t)));
    counting.called = must(calloc(counting.table.count, sizeof(uint64_t)));
    walk_all(&counting, root);
    fputc('\n', out);
    print_name(out, row->name, summary->waits);
    print_neighbours(out, "called by", &counting, counting.callers, summary);
    print_neighbours(out, "calls", &counting, counting.called, summary);
    free(counting.callers);
    free(counting.called);
    free(counting.table.rows);
}

void profile_write_report(FILE *out, const struct profile_node *root,
                          const struct profile_summary *summary)
{
    struct profile_table table = profile_functions(root);
    bool wait_is_told = summary->idle == 0;

    fprintf(out, "%s\n%lu samples in %lu looks\n\n    SELF     TOTAL  FUNCTION\n", summary->title,
            root->total, summary->looks);
    for (size_t i = 0; i <= table.count; i++) {
        if (!wait_is_told && (i == table.count || table.rows[i].self < summary->idle)) {
            double share = percent(summary->idle, summary->whole);

            fprintf(out, "%6.2f %%  %6.2f %%  <wait>\n", share, share);
            wait_is_told = true;
        }
        if (i == table.count)
            break;
        fprintf(out, "%6.2f %%  %6.2f %%  ", percent(table.rows[i].self, summary->whole),
                percent(table.rows[i].total, summary->whole));
        print_name(out, table.rows[i].name, summary->waits);
    }
    for (size_t i = 0; i < table.count && i < EXPLAINED; i++)
        explain(out, root, &table.rows[i], summary);
    free(table.rows);
}
