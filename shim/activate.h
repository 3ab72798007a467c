/* From dormant to active: what happens at the first thread creation. */
#ifndef CORO_ACTIVATE_H
#define CORO_ACTIVATE_H

#include <stdbool.h>

/* Rewrites the syscall sites, takes the process's state over from the kernel, starts the runtime
 * and its monitor. Called at the first CLONE_THREAD, by the thread that makes it, and again at the
 * first one after a fork. Returns 0, or -errno: then the process stays native for good, and one
 * line has said why. Above the gate. */
int activate(void);

/* Whether we may act at all, found out at load; the reason not to, or NULL. */
extern const char *activate_refused;

/* A seccomp filter was there before the program began: its container's, which lets programs live. */
extern bool filtered_at_load;

#endif
