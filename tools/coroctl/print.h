/* Threads and their stacks for people; on standard output unless said otherwise. */
#ifndef COROCTL_PRINT_H
#define COROCTL_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "tools/coroctl/held.h"
#include "tools/coroctl/stacks.h"
#include "tools/coroctl/threads.h"

/* "thread 3 (tid 1073741827, worker, created by 1)" */
void print_name(const struct co_info *thread);

/* "parked on read fd 7 (pipe:[1234]) for 1.2 s", or "parked on sleep for 1.2 s, 59 m 58 s left" */
void print_doing(const struct threads *threads, const struct co_info *thread);

/* A line for each function, innermost first; @all_frames: coroshim's own too. */
void print_stack(FILE *out, const struct stack *stack, bool all_frames);

/* The same within one line, without its end: "[src/a.c work|12] [libc.so.6 clone3+0x2c]"; "stack
 * unavailable" without a stack. */
void print_stack_line(const struct stack *stack);

/* One such frame: the function that called, where the call returns to @pc. */
void print_call_site(uint64_t pc);

/* ", taken 1.2 s ago at [src/a.c work|12]" */
void print_taken(const struct held_lock *lock);

/* Both of them, and the locks that it holds, as far as they are known: those that others wait for, and @held. */
void print_thread(const struct threads *threads, const struct co_info *thread,
                  const struct held *held, const struct stack *stack, bool all_frames);

#endif
