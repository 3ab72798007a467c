/* Figures and names for people: bounded text, nothing that could move a terminal's cursor. */
#ifndef COROCTL_TEXT_H
#define COROCTL_TEXT_H

#include <stdint.h>
#include <stdio.h>

#include "tools/coroctl/threads.h"

/* "340 ns", "1.2 ms", "4.5 s", "3 m 20 s", "2 h 5 m", "3 d 4 h". */
void print_duration(FILE *out, uint64_t ns);

/* "512 B", "12 KiB", "1.5 MiB". */
void print_bytes(FILE *out, uint64_t bytes);

/* @text with everything unprintable in the present locale as \xNN. */
void print_escaped(FILE *out, const char *text);

/* JSON of @text, whose bytes that are not UTF-8 become '?'. Ends the program without memory. */
struct json_t *text_json(const char *text);

/* Words for enum co_state and enum wait_kind; "unknown" for what a newer library may say. */
const char *state_word(uint32_t state);
const char *wait_word(uint32_t kind);

/* The name of a system call that may run on a helper, or NULL. */
const char *system_call_name(uint32_t number);

/* waits.c: what @thread waits on, in one phrase, and how much time is left; nothing when it does not
 * wait. */
void print_wait(FILE *out, const struct threads *threads, const struct co_info *thread);

/* The same with the time in nanoseconds, and without it. */
void print_wait_exact(FILE *out, const struct threads *threads, const struct co_info *thread);
void print_wait_on(FILE *out, const struct threads *threads, const struct co_info *thread);

/* Where the process's descriptor leads ("/path", "pipe:[123]"), from malloc; NULL: unknown. */
char *descriptor_target(pid_t pid, int fd);

#endif
