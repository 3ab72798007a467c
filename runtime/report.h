/* Reports with stacks, which the process makes of itself: of a thread that holds the carrier too
 * long, of one that ends the process, of all.
 *
 * The library cannot name functions where it stands: a thread may be stuck within malloc or the
 * dynamic linker with their locks held, and below the gate there is no libc. So it copies the stack that
 * the report is about, at once, and has a process of its own started (report_start_fn: coroctl), which asks
 * for that copy and for everything else over a socket, as any coroctl does, and writes to the log.
 * Nothing waits for it but a thread that is about to die, and that for REPORT_PATIENCE_NS at most. */
#ifndef CORO_REPORT_H
#define CORO_REPORT_H

#include "runtime/runtime.h"
#include "runtime/stack_info.h"

enum report_kind {
    REPORT_CRASH,
    REPORT_DEADLOCK,
    REPORT_STANDSTILL,
    REPORT_DUMP,
    REPORT_STALL,
    REPORTS
};

#define REPORT_PATIENCE_NS (5 * NSEC_PER_SEC)

/* Starts the process that makes the report; on the monitor. Returns its pid, a child without exit
 * signal, or -errno. */
typedef long report_start_fn(uint32_t kind, uint64_t id);

void report_init(report_start_fn *start);

/* The thread that holds the carrier now, with its stack. On the monitor. */
void report_stall(uint64_t id);

/* The process is deadlocked; @then_abort: SIGABRT follows. On the monitor. */
void report_deadlock(bool then_abort);

/* Asks for a report; several before it is made are one. Any kernel thread of ours;
 * async-signal-safe. */
void report_want(enum report_kind kind);

/* The running thread ends the process. @registers: where, in DWARF's order; NULL: here. Returns when
 * the report is written or can't be. On the carrier, with all signals blocked or in the runtime. */
void report_crash(const uint64_t *registers);

/* Starts what is wanted and takes leave of what has ended. On the monitor, every tick. */
void report_serve(void);

/* There is something for report_serve to do. */
bool report_is_busy(void);

/* Forgets all (child of a fork). */
void report_reset(void);

#endif
