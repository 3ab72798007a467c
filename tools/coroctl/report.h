/* Reports that a process makes of itself. */
#ifndef COROCTL_REPORT_H
#define COROCTL_REPORT_H

#include "tools/coroctl/stacks.h"
#include "tools/coroctl/threads.h"

struct report {
    struct connection *connection;
    struct threads threads;
    struct stacks stacks;
    bool stamped; /* lines are for the log file */
};

/* A line: who thread @id is, and where, as @report->stacks has it. */
void report_thread(const struct report *report, uint64_t id);

#endif
