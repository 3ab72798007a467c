/* From return addresses to visible functions. */
#include "tools/coroctl/frames.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>

#include "tools/coroctl/command.h"

static struct visible_frame *items;
static size_t room;

static void append(size_t at, const struct frame *frame, uint64_t pc)
{
    if (at == room) {
        room = room > 0 ? 2 * room : STACK_DEPTH_MAX;
        items = reallocarray(items, room, sizeof(*items));
        if (items == NULL)
            error(EXIT_FAILED, errno, "memory");
    }
    items[at] = (struct visible_frame){ frame, pc };
}

struct frames frames_of(const struct stack *stack, bool all)
{
    size_t count = 0;

    for (size_t i = 0; i < stack->depth; i++) {
        const struct place *place = image_place(stack->pcs[i], stack_is_exact(stack, i));

        for (size_t j = 0; j < place->count; j++)
            if (all || !place->frames[j].internal)
                append(count++, &place->frames[j], place->pc);
    }
    return (struct frames){ count, items };
}
