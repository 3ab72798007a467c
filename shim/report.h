/* Starts coroctl to report on this process: see runtime/report.h. */
#ifndef CORO_SHIM_REPORT_H
#define CORO_SHIM_REPORT_H

#include "runtime/base.h"

/* Remembers where coroctl may be: beside @library, the library's own file, or where it is installed to.
 * @fd_floor: as control_prepare's. While the process has one thread. */
void report_prepare(const char *library, int fd_floor);

/* A report_start_fn. */
long report_start(uint32_t kind, uint64_t id);

#endif
