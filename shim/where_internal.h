/* Shared by where.c (which threads), where_unwind.c (return addresses) and where_names.c (text). */
#ifndef CORO_WHERE_INTERNAL_H
#define CORO_WHERE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHERE_DEPTH_MAX 256

struct where_stack {
    size_t depth;
    struct {
        uint64_t pc;
        bool exact;           /* an interrupted instruction; else where a call returns to */
    } frame[WHERE_DEPTH_MAX]; /* innermost first */
};

/* Unwinds from @registers (STACK_REGISTERS of them, in DWARF's order) through memory as it is now.
 * Never faults. An empty stack: no libunwind, or no memory. */
void where_unwind(const uint64_t *registers, struct where_stack *stack);

/* Between these, where_name knows lines, if libdw is there; otherwise it does without. */
struct where_names {
    void *dwfl;
};
void where_names_open(struct where_names *names);
void where_names_close(struct where_names *names);

/* Writes "[...]" for one frame. Like snprintf, but 0 for what is coroshim's own business. */
size_t where_name(const struct where_names *names, uint64_t pc, bool exact, char *out,
                  size_t bytes);

#endif
