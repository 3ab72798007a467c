/* What the control server asks of a runtime that is not there; for fake_server.c and
 * tests/fuzz/fuzz_server.c, which answer the rest each in its own way. */
#include <string.h>

#include "runtime/latency.h"
#include "runtime/trace.h"

int trace_start(void)
{
    return 0;
}

void trace_stop(void)
{
}

uint64_t trace_now(void)
{
    return 1;
}

size_t trace_read(struct trace_event *out, size_t max, bool *more)
{
    (void)out, (void)max;
    *more = false;
    return 0;
}

void latency_read(struct latency_info *info)
{
    memset(info, 0, sizeof(*info));
}

void latency_restart(void)
{
}
