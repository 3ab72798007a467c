/* Findings of coroctl doctor: about the machine, and about a process. */
#ifndef COROCTL_DOCTOR_H
#define COROCTL_DOCTOR_H

#include <stddef.h>

#include "tools/coroctl/process.h"

enum level { LEVEL_OK, LEVEL_NOTE, LEVEL_PROBLEM };

struct finding {
    const char *about; /* "machine", "libraries", "environment", "process", "objects" */
    char name[160];
    enum level level;
    char text[240];
};

struct findings {
    struct finding *items;
    size_t count;
};

/* Adds one; ends the program without memory. */
__attribute__((format(printf, 5, 6))) void found(struct findings *findings, const char *about,
                                                 const char *name, enum level level,
                                                 const char *format, ...);

/* doctor_machine.c: kernel, limits and libraries, with the limits of process @pid; 0: one's own. */
void doctor_machine(struct findings *findings, pid_t pid);

/* doctor_environment.c: the CORO_* variables of process @pid, or one's own. */
void doctor_environment(struct findings *findings, pid_t pid);

#endif
