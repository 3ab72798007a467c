/* Requests that the program itself must carry out: sent, then asked after until they are done. */
#ifndef COROCTL_ERRAND_H
#define COROCTL_ERRAND_H

#include "tools/coroctl/process.h"

#define ERRAND_PATIENCE_S 5.0

/* Sends @request, of which the first member is the ticket, and waits for its end for @patience_s
 * seconds; then @info says how far it has come. @what it does ("calling f") is said on the way. Returns an enum exit_code, having said why unless it
 * is 0. */
int errand_do(struct connection *connection, const char *what, enum frame_type type, void *request,
              uint32_t bytes, double patience_s, struct errand_info *info);

/* The id of a thread, from 1; 0: @text is none, and that was said. */
uint64_t parse_thread_id(const char *text);

#endif
