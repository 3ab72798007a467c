/* What `coroctl top` shows: the threads of a process and what each did since the last look. */
#ifndef COROCTL_TOP_H
#define COROCTL_TOP_H

#include <stdbool.h>
#include <stdio.h>

#include "runtime/stat.h"
#include "tools/coroctl/process.h"
#include "tools/coroctl/threads.h"

#define TOP_FILTER_BYTES 64

enum top_order {
    TOP_CPU,
    TOP_SWITCHES,
    TOP_WAITS,
    TOP_IO,
    TOP_TIME,
    TOP_STACK,
    TOP_ID,
    TOP_ORDERS
};

struct top_row {
    const struct co_info *thread;
    uint64_t cpu_ns, slices, waits, io_calls; /* since the last look */
    int depth;                                /* below the creator, in a tree */
};

struct top {
    struct connection *connection;
    enum top_order order;
    bool tree;
    char filter[TOP_FILTER_BYTES]; /* part of a name; "": all */

    struct threads threads, before;
    struct runtime_stat stat, stat_before;
    struct top_row *rows; /* those that pass the filter, in order */
    size_t row_count;
};

/* Asks the process, and makes rows. Returns an enum exit_code, having said why unless it is 0. */
int top_refresh(struct top *top);

/* Makes rows again, after the order, the filter or the tree has changed. */
void top_arrange(struct top *top);

void top_free(struct top *top);

/* The line above the table, the table's head, and one row of it, without line ends. */
void top_print_summary(FILE *out, const struct top *top);
void top_print_head(FILE *out);
void top_print_row(FILE *out, const struct top *top, const struct top_row *row);

/* The word for an order, and the order of a word; TOP_ORDERS: of none. */
const char *top_order_word(enum top_order order);
enum top_order top_order_of(const char *word);

/* Runs the screen until the user ends it; @interval_s between looks. */
int top_screen(struct top *top, double interval_s);

/* cmd-stat.c */
int stat_fetch(struct connection *connection, struct runtime_stat *stat);

#endif
