/* The functions on a thread's stack, as people want to see them: those inlined are frames of their
 * own, and coroshim's are left out. */
#ifndef COROCTL_FRAMES_H
#define COROCTL_FRAMES_H

#include "tools/coroctl/image.h"
#include "tools/coroctl/stacks.h"

struct visible_frame {
    const struct frame *frame;
    uint64_t pc;
};

struct frames {
    size_t count;
    const struct visible_frame *items; /* innermost first; until the next call */
};

/* @all: coroshim's own, too. The objects of image.h must be open. */
struct frames frames_of(const struct stack *stack, bool all);

#endif
