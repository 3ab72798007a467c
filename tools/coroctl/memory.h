/* A process that can't be asked: it is stopped, or dead and left a core file. Its threads are read from
 * its memory. The answers look like those of the library, so nobody behind connection_ask sees the
 * difference. */
#ifndef COROCTL_MEMORY_H
#define COROCTL_MEMORY_H

#include "runtime/stack_info.h"
#include "tools/coroctl/process.h"

/* Where memory and registers come from. */
struct memory_kind {
    /* Copies up to @bytes at @address; returns how many. */
    size_t (*read)(uint64_t address, void *to, size_t bytes);
    /* Sets what is known of kernel thread @tid's registers, RIP and RSP at least. */
    bool (*registers)(pid_t tid, uint64_t registers[STACK_REGISTERS]);
    /* CLOCK_MONOTONIC when it was as it is seen; 0: when its runtime last looked. */
    uint64_t (*now_ns)(void);
    const char *what; /* for messages: "process 7", "core file x" */
    bool truncated;   /* some of it is missing */
};

/* live.c: a process that doesn't run at present. */

/* Whether all of it is stopped, by a signal or a debugger. */
bool live_is_stopped(pid_t pid);

/* Returns an enum exit_code, having said why unless it is 0. Its objects (image.h) are open then. */
int live_open(pid_t pid, const struct memory_kind **kind);

/* core.c */

/* Reads core file @path of @program (NULL: the file that it names itself). As live_open. */
int core_open(const char *path, const char *program, const struct memory_kind **kind);

/* memory.c */

/* Finds the runtime's structures. Returns an enum exit_code, having said why unless it is 0. */
int memory_open(const struct memory_kind *kind);

/* As connection_ask. */
int memory_answer(struct connection *connection, enum frame_type type, const void *request);

#endif
