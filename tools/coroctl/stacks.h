/* The stacks of a process's threads: fetched over the control socket, unwound with libunwind. */
#ifndef COROCTL_STACKS_H
#define COROCTL_STACKS_H

#include "runtime/stack_info.h"
#include "tools/coroctl/process.h"

#define STACK_DEPTH_MAX 256

struct stack {
    uint64_t id;
    uint64_t slices;
    size_t depth;
    uint64_t *pcs;  /* innermost first */
    uint64_t exact; /* bit n: pcs[n], n < 64, is an interrupted instruction, not a call */
};

static inline bool stack_is_exact(const struct stack *stack, size_t i)
{
    return i < 64 && (stack->exact >> i & 1);
}

struct stacks {
    size_t count, room;
    struct stack *items; /* in the order of their ids */
};

/* Fetches and unwinds the stack of thread @only_id, or of all (0), and adds them to @stacks. An
 * unknown thread adds nothing. Returns an enum exit_code, having said why unless it is 0. */
int stacks_fetch(struct connection *connection, uint64_t only_id, struct stacks *stacks);

void stacks_free(struct stacks *stacks);

/* The stack of this thread, or NULL. */
const struct stack *stacks_by_id(const struct stacks *stacks, uint64_t id);

/* unwind.c */

/* Reads memory of the process that neither the stack nor the objects' files hold. Returns how many
 * bytes. */
typedef size_t memory_reader(void *context, uint64_t address, void *to, size_t bytes);

/* One unwinding after another; the objects of image.h must be open. */
void unwind_open(memory_reader *reader, void *context);
void unwind_close(void);

/* Unwinds from @info, whose memory is @memory. Fills pcs, depth and exact of @stack. */
void unwind(const struct co_stack_info *info, const unsigned char *memory, struct stack *stack);

#endif
