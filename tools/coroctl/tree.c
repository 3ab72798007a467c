/* A creator's id is smaller than its threads': one walk links them, another follows the links. */
#include "tools/coroctl/tree.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>

#include "tools/coroctl/command.h"

#define NONE SIZE_MAX

struct node {
    size_t parent, first, last, next; /* places; NONE */
};

static void *allocate(size_t count, size_t bytes)
{
    void *memory = calloc(count + 1, bytes);

    if (memory == NULL)
        error(EXIT_FAILED, errno, "memory for %zu threads", count);
    return memory;
}

static size_t parent_of(const struct threads *threads, size_t place)
{
    const struct co_info *thread = &threads->items[place];
    const struct co_info *creator = threads_by_id(threads, thread->creator_id);

    return creator != NULL && creator < thread ? (size_t)(creator - threads->items) : NONE;
}

static void append(struct node *nodes, size_t *first, size_t *last, size_t place)
{
    if (*first == NONE)
        *first = place;
    else
        nodes[*last].next = place;
    *last = place;
}

struct tree tree_make(const struct threads *threads)
{
    struct node *nodes = allocate(threads->count, sizeof(*nodes));
    struct tree tree = { .order = allocate(threads->count, sizeof(*tree.order)),
                         .depths = allocate(threads->count, sizeof(*tree.depths)) };
    size_t first = NONE, last = NONE, count = 0;

    for (size_t i = 0; i < threads->count; i++) {
        size_t parent = parent_of(threads, i);

        nodes[i] = (struct node){ parent, NONE, NONE, NONE };
        if (parent == NONE) {
            append(nodes, &first, &last, i);
        } else {
            append(nodes, &nodes[parent].first, &nodes[parent].last, i);
            tree.depths[i] = tree.depths[parent] + 1;
        }
    }
    for (size_t at = first; at != NONE;) {
        tree.order[count++] = at;
        if (nodes[at].first != NONE) {
            at = nodes[at].first;
            continue;
        }
        while (at != NONE && nodes[at].next == NONE)
            at = nodes[at].parent;
        at = at != NONE ? nodes[at].next : NONE;
    }
    free(nodes);
    return tree;
}

void tree_free(struct tree *tree)
{
    free(tree->order);
    free(tree->depths);
}
