/* One line that names the thread and the signal, at once; the stack by a report. */
#include "interpose/crash.h"

#include "runtime/report.h"
#include "runtime/stack.h"
#include "shim/conf.h"
#include "shim/log.h"

#define NEAR_BYTES (64 * 1024UL) /* a frame that is larger steps over the guard */

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

/* The fault lies just below what the thread's stack pointer may still use. */
static bool has_overflowed(uintptr_t address, uintptr_t sp)
{
    uintptr_t floor = stack_floor(address, 0);
    return floor && address < floor && sp < floor + NEAR_BYTES && sp + NEAR_BYTES > floor;
}

static void write_line(const struct co *co, int signal, const siginfo_t *info,
                       const struct ucontext *context)
{
    const char *name = co->name[0] ? co->name : "unnamed";
    if (!context) {
        log_line(LOG_WARN, "thread %lu (%s) ends the process: %s", co->id, name, name_of(signal));
        return;
    }
    uintptr_t address = (uintptr_t)info->si_addr;
    if (signal == SIGSEGV && has_overflowed(address, context->uc_mcontext.rsp))
        log_line(LOG_WARN,
                 "thread %lu (%s) has overflowed its stack of %lu KiB and ends the process: %s",
                 co->id, name, co->stack_bytes / 1024, name_of(signal));
    else
        log_line(LOG_WARN, "thread %lu (%s) ends the process: %s, address 0x%lx", co->id, name,
                 name_of(signal), address);
}

void crash_report(int signal, const siginfo_t *info, const struct ucontext *context)
{
    uint64_t registers[STACK_REGISTERS];
    const struct co *co = runtime.carrier.current;
    if (!co || !crash_is(signal))
        return;
    write_line(co, signal, info, context);
    if (context)
        co_registers_of_context((const uint64_t *)&context->uc_mcontext, registers);
    report_crash(context ? registers : NULL);
}
