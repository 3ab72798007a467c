/* Stacks counted: a tree of functions, outermost first. */
#ifndef COROCTL_PROFILE_H
#define COROCTL_PROFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/coroctl/stacks.h"

struct profile_node {
    char *name;
    uint64_t own;                      /* samples that end here */
    uint64_t total;                    /* and those of everything below */
    uint64_t before;                   /* total in the profile to compare with */
    struct profile_node *first, *next; /* children, by name; the next child of the same parent */
};

/* A root without a name. */
struct profile_node *profile_new(void);
void profile_free(struct profile_node *root);

/* Counts @samples of @stack: below the thread's name its functions, and then @leaf unless NULL. */
void profile_add(struct profile_node *root, const char *thread, const struct stack *stack,
                 const char *leaf, uint64_t samples);

/* "a;b;c 12" lines, as tools that draw flame graphs read them. */
void profile_write_folded(FILE *out, const struct profile_node *root);

/* Reads such lines into `before` of the nodes. Returns -1 with a complaint printed on failure. */
int profile_read_before(const char *path, struct profile_node *root);

/* What functions cost, the dearest first. */
struct profile_row {
    const char *name; /* of a node */
    uint64_t self, total;
};

struct profile_table {
    struct profile_row *rows; /* for free() */
    size_t count;
};

struct profile_table profile_functions(const struct profile_node *root);

struct profile_summary {
    const char *title;
    uint64_t looks, idle; /* idle: looks that found nobody at work */
    uint64_t whole;       /* what is 100 % */
    bool waits;           /* the leaves are what threads wait on */
};

/* A table of functions, and the callers and the called of the first of them. */
void profile_write_report(FILE *out, const struct profile_node *root,
                          const struct profile_summary *summary);

/* A flame graph that needs nothing else, with a script that zooms and searches; @compare: red grew, blue shrank against `before`. */
void profile_write_svg(FILE *out, const struct profile_node *root, const char *title, bool compare);

#endif
