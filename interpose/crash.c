/* One line that names the thread and the signal, at once; the stack by a report.
 *
 * An overflown stack is reported without being asked for: natively it is the death that tells least. Not
 * when a handler of the program's was told of it, which then has its own say. */
#include "interpose/crash.h"

#include "runtime/report.h"
#include "shim/conf.h"
#include "shim/log.h"

#define NEAR_BYTES (64 * 1024UL) /* a frame that is larger steps over the guard */

static bool overflow_told;

static const char *name_of(int signal)
{
    switch (signal) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGILL:
        return "SIGILL";
    case SIGTRAP:
        return "SIGTRAP";
    case SIGABRT:
        return "SIGABRT";
    default:
        return NULL;
    }
}

bool crash_is(int signal)
{
    return conf.crash_report && name_of(signal);
}

/* Within its own stack a thread faults at the end alone: at the guard, or for main where the kernel lets
 * the stack grow no further. The stack pointer must have led there. */
bool crash_is_overflow(const struct co *co, int signal, const siginfo_t *info,
                       const struct ucontext *context)
{
    uintptr_t low = co->stack_base - NEAR_BYTES, address = (uintptr_t)info->si_addr;
    uintptr_t sp = context->uc_mcontext.rsp;
    if (signal != SIGSEGV || !co->stack_bytes || address - low >= co->stack_bytes + NEAR_BYTES)
        return false;
    return sp - address + NEAR_BYTES < 2 * NEAR_BYTES;
}

static void write_line(const struct co *co, int signal, const siginfo_t *info,
                       const struct ucontext *context)
{
    const char *name = co->name[0] ? co->name : "unnamed";
    if (!context) {
        log_line(LOG_WARN, "thread %lu (%s) ends the process: %s", co->id, name, name_of(signal));
        return;
    }
    if (crash_is_overflow(co, signal, info, context))
        log_line(LOG_WARN,
                 "thread %lu (%s) has overflowed its stack of %lu KiB and ends the process: %s",
                 co->id, name, co->stack_bytes / 1024, name_of(signal));
    else
        log_line(LOG_WARN, "thread %lu (%s) ends the process: %s, address 0x%lx", co->id, name,
                 name_of(signal), (uintptr_t)info->si_addr);
}

static bool is_untold_overflow(const struct co *co, int signal, const siginfo_t *info,
                               const struct ucontext *context)
{
    return context && !overflow_told && crash_is_overflow(co, signal, info, context);
}

void crash_report(int signal, const siginfo_t *info, const struct ucontext *context)
{
    uint64_t registers[STACK_REGISTERS];
    const struct co *co = runtime.carrier.current;
    if (!co || (!crash_is(signal) && !is_untold_overflow(co, signal, info, context)))
        return;
    write_line(co, signal, info, context);
    if (context)
        co_registers_of_context((const uint64_t *)&context->uc_mcontext, registers);
    report_crash(context ? registers : NULL);
}

void crash_handled(int signal, const siginfo_t *info, const struct ucontext *context)
{
    overflow_told |= crash_is_overflow(runtime.carrier.current, signal, info, context);
}
