/* The table of `coroctl top`: differences between two listings, sorted, filtered, or as a tree. */
#include "tools/coroctl/top.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/text.h"

static const char *const order_words[TOP_ORDERS] = {
    [TOP_CPU] = "cpu",   [TOP_SWITCHES] = "switches", [TOP_WAITS] = "waits", [TOP_IO] = "io",
    [TOP_TIME] = "time", [TOP_STACK] = "stack",       [TOP_ID] = "id",
};

const char *top_order_word(enum top_order order)
{
    return order_words[order];
}

enum top_order top_order_of(const char *word)
{
    enum top_order order = 0;

    while (order < TOP_ORDERS && strcmp(order_words[order], word) != 0)
        order++;
    return order;
}

static uint64_t sort_key(const struct top_row *row, enum top_order order)
{
    switch (order) {
    case TOP_CPU:
        return row->cpu_ns;
    case TOP_SWITCHES:
        return row->slices;
    case TOP_WAITS:
        return row->waits;
    case TOP_IO:
        return row->io_calls;
    case TOP_TIME:
        return row->thread->state_ns;
    case TOP_STACK:
        return row->thread->stack_used_bytes;
    default:
        return UINT64_MAX - row->thread->id;
    }
}

static int compare_rows(const void *a, const void *b, void *order)
{
    const struct top_row *one = a, *other = b;
    uint64_t left = sort_key(one, *(enum top_order *)order);
    uint64_t right = sort_key(other, *(enum top_order *)order);

    if (left != right)
        return left > right ? -1 : 1;
    return one->thread->id < other->thread->id ? -1 : 1;
}

/* The library counts in 32 bits. */
static struct top_row make_row(const struct top *top, const struct co_info *thread)
{
    const struct co_info *before = threads_by_tid(&top->before, thread->tid);
    struct top_row row = { .thread = thread,
                           .cpu_ns = thread->cpu_ns,
                           .slices = thread->slices,
                           .waits = thread->waits,
                           .io_calls = thread->io_calls };

    if (before != NULL && before->id == thread->id) {
        row.cpu_ns -= before->cpu_ns;
        row.slices = (uint32_t)(row.slices - before->slices);
        row.waits = (uint32_t)(row.waits - before->waits);
        row.io_calls = (uint32_t)(row.io_calls - before->io_calls);
    }
    return row;
}

/* Puts the children of @creator_id behind one another, each followed by its own. A child whose
 * creator has ended stands at the top. */
static void add_children(struct top *top, const struct top_row *sorted, size_t count,
                         uint64_t creator_id, int depth, bool *placed)
{
    for (size_t i = 0; i < count; i++) {
        if (placed[i] || sorted[i].thread->creator_id != creator_id)
            continue;
        placed[i] = true;
        top->rows[top->row_count] = sorted[i];
        top->rows[top->row_count++].depth = depth;
        add_children(top, sorted, count, sorted[i].thread->id, depth + 1, placed);
    }
}

static void make_tree(struct top *top)
{
    size_t count = top->row_count;
    struct top_row *sorted = calloc(count + 1, sizeof(*sorted));
    bool *placed = calloc(count + 1, sizeof(*placed));

    if (sorted == NULL || placed == NULL)
        error(EXIT_FAILED, errno, "memory");
    memcpy(sorted, top->rows, count * sizeof(*sorted));
    top->row_count = 0;
    add_children(top, sorted, count, 0, 0, placed);
    for (size_t i = 0; i < count; i++) {
        if (placed[i])
            continue;
        placed[i] = true;
        top->rows[top->row_count++] = sorted[i];
        add_children(top, sorted, count, sorted[i].thread->id, 1, placed);
    }
    free(sorted);
    free(placed);
}

void top_arrange(struct top *top)
{
    top->row_count = 0;
    for (size_t i = 0; i < top->threads.count; i++) {
        const struct co_info *thread = &top->threads.items[i];

        if (top->filter[0] == '\0' || strstr(thread->name, top->filter) != NULL)
            top->rows[top->row_count++] = make_row(top, thread);
    }
    qsort_r(top->rows, top->row_count, sizeof(*top->rows), compare_rows, &top->order);
    if (top->tree)
        make_tree(top);
}

int top_refresh(struct top *top)
{
    struct threads threads;
    int code = threads_fetch(top->connection, &threads);

    if (code != EXIT_OK)
        return code;
    threads_free(&top->before);
    top->before = top->threads;
    top->threads = threads;
    top->stat_before = top->stat;
    code = stat_fetch(top->connection, &top->stat);
    free(top->rows);
    top->rows = calloc(threads.count + 1, sizeof(*top->rows));
    if (top->rows == NULL)
        error(EXIT_FAILED, errno, "memory for %zu threads", threads.count);
    top_arrange(top);
    return code;
}

void top_free(struct top *top)
{
    threads_free(&top->threads);
    threads_free(&top->before);
    free(top->rows);
}

/* Nanoseconds between the two looks; the process's age at the first one. */
static uint64_t elapsed_ns(const struct top *top)
{
    uint64_t elapsed = top->stat.uptime_ns - top->stat_before.uptime_ns;

    return elapsed > 0 ? elapsed : 1;
}

void top_print_summary(FILE *out, const struct top *top)
{
    double seconds = (double)elapsed_ns(top) / NSEC_PER_SEC;

    fprintf(out,
            "%lu threads, %lu runnable; %.0f switches/s, %.0f preemptions/s, %.0f I/O calls/s; "
            "CPU %.1f %%; up ",
            top->stat.threads, top->stat.runnable,
            (double)(top->stat.switches - top->stat_before.switches) / seconds,
            (double)(top->stat.preemptions - top->stat_before.preemptions) / seconds,
            (double)(top->stat.io_calls - top->stat_before.io_calls) / seconds,
            (double)(top->stat.carrier_cpu_ns - top->stat_before.carrier_cpu_ns) * 100 /
                (double)elapsed_ns(top));
    print_duration(out, top->stat.uptime_ns);
}

void top_print_head(FILE *out)
{
    fprintf(out, "%7s %5s %8s %7s %7s %-8s %9s %8s  %-16s %s", "ID", "CPU%", "SWITCH/S", "WAITS/S",
            "IO/S", "STATE", "FOR", "STACK", "NAME", "WAITS-ON");
}

/* A cell of at most @width bytes, at its right side. */
static void print_right(FILE *out, int width, void (*print)(FILE *, uint64_t), uint64_t value)
{
    char text[32] = "";
    FILE *cell = fmemopen(text, sizeof(text), "w");

    if (cell == NULL)
        return;
    print(cell, value);
    fclose(cell);
    fprintf(out, " %*s", width, text);
}

/* The name behind the tree's branches. */
static void print_name(FILE *out, const struct top_row *row)
{
    char text[4 * CO_NAME_BYTES] = "";
    FILE *cell = fmemopen(text, sizeof(text), "w");

    if (cell == NULL)
        return;
    print_escaped(cell, row->thread->name[0] != '\0' ? row->thread->name : "-");
    fclose(cell);
    fprintf(out, "  %*s%-*s ", 2 * row->depth, "", 16 - 2 * (row->depth < 7 ? row->depth : 7),
            text);
}

void top_print_row(FILE *out, const struct top *top, const struct top_row *row)
{
    const struct co_info *thread = row->thread;
    double elapsed = (double)elapsed_ns(top), rate = NSEC_PER_SEC / elapsed;

    fprintf(out, "%7lu %5.1f %8.0f %7.0f %7.0f %-8s", thread->id,
            (double)row->cpu_ns * 100 / elapsed, (double)row->slices * rate,
            (double)row->waits * rate, (double)row->io_calls * rate, state_word(thread->state));
    print_right(out, 9, print_duration, thread->state_ns);
    print_right(out, 8, print_bytes, thread->stack_used_bytes);
    print_name(out, row);
    print_wait(out, &top->threads, thread);
}
