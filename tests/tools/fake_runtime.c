/* What the control server asks of a runtime that is not there; for fake_server.c and
 * tests/fuzz/fuzz_server.c, which answer the rest each in its own way. */
#include <fcntl.h>
#include <string.h>

#include "runtime/latency.h"
#include "runtime/trace.h"

int trace_start(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void trace_stop(void)
{
}

uint64_t trace_written(void)
{
    return 0;
}

uint64_t trace_now(void)
{
    return 1;
}

struct trace_progress trace_read(uint64_t taken, struct trace_event *out)
{
    (void)taken, (void)out;
    return (struct trace_progress){ .count = 0 };
}

void latency_read(struct latency_info *info)
{
    memset(info, 0, sizeof(*info));
}

void latency_restart(void)
{
}
