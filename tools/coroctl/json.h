/* coroctl's JSON documents: {"schema": 1, "pid": PID, ...}. tools/coroctl/coroctl.schema.json describes
 * them all; a document that an older reader would take wrongly has another number. */
#ifndef COROCTL_JSON_H
#define COROCTL_JSON_H

#include <stdio.h>

#include "tools/coroctl/held.h"
#include "tools/coroctl/stacks.h"
#include "tools/coroctl/threads.h"

#define JSON_SCHEMA 1

struct json_t;

/* A new document about process @pid (0: that left a core file); -1: about none. */
struct json_t *json_document(pid_t pid);

/* Adds @value, which may be NULL for want of memory: then ends the program. */
void json_add(struct json_t *object, const char *key, struct json_t *value);

/* Prints it on a line of its own, and frees it. */
void json_print_document(struct json_t *document);

void json_print_threads(FILE *out, const struct threads *threads);

/* The same, each of those threads that have a stack with "frames", innermost first. */
void json_print_stacks(FILE *out, const struct threads *threads, const struct held *held,
                       const struct stacks *stacks, bool all_frames);

/* The functions on one stack, innermost first; @all_frames: coroshim's own, too. */
struct json_t *json_frames(const struct stack *stack, bool all_frames);

#endif
