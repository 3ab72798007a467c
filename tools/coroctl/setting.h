/* The CORO_* settings of a process, by name. */
#ifndef COROCTL_SETTING_H
#define COROCTL_SETTING_H

#include "tools/coroctl/process.h"

/* The one that a thread may have of its own. */
#define SETTING_OF_THREAD "CORO_SELFISHNESS"

/* Asks for the settings, of which there are @count, and takes one out of the reply. */
int settings_fetch(struct connection *connection, uint32_t *count);
struct setting settings_at(const struct connection *connection, uint32_t i);

/* "slice", "SLICE" and "CORO_SLICE" are one name: the last. */
void setting_full_name(const char *name, char full[SETTING_NAME_BYTES]);

/* Finds the one of that full name in the reply to settings_fetch. False: there is none. */
bool setting_find(const struct connection *connection, uint32_t count, const char *full,
                  struct setting *setting);

/* What is wrong with a name that is none: "unknown variable; did you mean CORO_SLICE?". */
void setting_explain(const char *full, char *why, size_t size);

#endif
