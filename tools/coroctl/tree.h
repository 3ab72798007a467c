/* Threads in the order of a tree: each behind the one that created it, before that one's next. */
#ifndef COROCTL_TREE_H
#define COROCTL_TREE_H

#include "tools/coroctl/threads.h"

struct tree {
    size_t *order; /* places in threads->items */
    int *
        depths; /* by place in threads->items; 0: at the top, as a thread whose creator has ended is */
};

/* Ends the program without memory. */
struct tree tree_make(const struct threads *threads);
void tree_free(struct tree *tree);

#endif
