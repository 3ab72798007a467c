/* Probes for debuggers and tracers of the whole system (perf, bpftrace, SystemTap, gdb): a nop each,
 * and a note in the object that says where it is and where its arguments are. The provider is
 * `coroshim`; coroshim(7) lists them. Without <sys/sdt.h> at build time there are none. */
#ifndef CORO_PROBES_H
#define CORO_PROBES_H

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define PROBE1(name, a)       DTRACE_PROBE1(coroshim, name, a)
#define PROBE2(name, a, b)    DTRACE_PROBE2(coroshim, name, a, b)
#define PROBE3(name, a, b, c) DTRACE_PROBE3(coroshim, name, a, b, c)
#else
#define PROBE1(name, a)       ((void)(a))
#define PROBE2(name, a, b)    ((void)(a), (void)(b))
#define PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
