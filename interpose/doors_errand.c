/* The work of errands, above the gate. errand_work runs on the coroutine that errand.c makes, which is no
 * thread of libc's: it may wait for libc's locks and make threads, and does nothing else. Calls are
 * made by threads that shim/call.c makes; here is their way into the runtime, too. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "interpose/doors.h"
#include "interpose/errand.h"

#define CANCEL_DISABLE 1 /* PTHREAD_CANCEL_DISABLE; <pthread.h> and the doors don't go together */

int pthread_setcancelstate(int, int *);
uintptr_t pthread_self(void);
extern void __ctype_init(void) __attribute__((weak));

int (*errand_start_call)(const struct errand *errand);

static void leave(struct door *door)
{
    long ignored = 0;
    while (door_leave(door, &ignored))
        ;
}

void errand_report(const struct errand_info *info)
{
    struct door door;
    if (!door_enter(&door, PLAIN))
        return;
    errand_done(info);
    leave(&door);
}

/* The first pthread_cancel of a process loads libgcc_s, and ends the process when it cannot. */
static bool is_ready_to_cancel(void)
{
    static bool ready;
    if (ready)
        return true;
    if (!dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL))
        return false;
    pthread_setcancelstate(CANCEL_DISABLE, NULL);
    ready = ((int (*)(uintptr_t))REAL(pthread_cancel))(pthread_self()) == 0;
    return ready;
}

/* A thread that has ended may have given its place to another. So nothing runs between our look at
 * it and libc's mark in it: we leave the runtime without a look at who wants the carrier, nobody is
 * preempted, and libc, once it is ready, marks first of all. */
static int cancel(uint64_t id)
{
    if (!is_ready_to_cancel())
        return ELIBACC;
    struct carrier *carrier = this_carrier();
    struct door door;
    if (!door_enter(&door, PLAIN))
        return ESRCH;
    carrier->no_preempt = true;
    uintptr_t thread = errand_thread(id);
    runtime_leave(carrier);
    int error = thread ? ((int (*)(uintptr_t))REAL(pthread_cancel))(thread) : ESRCH;
    carrier->no_preempt = false;
    if (!error && door_enter(&door, PLAIN)) {
        errand_wake_cancelled(id);
        leave(&door);
    }
    return error;
}

void errand_enter_call(uint64_t ticket)
{
    struct door door;
    if (!door_enter(&door, PLAIN))
        return;
    errand_call_begins(ticket);
    leave(&door);
}

void errand_work(void)
{
    static struct errand errand;
    struct door door;
    bool any = true;
    if (__ctype_init)
        __ctype_init();
    while (any && door_enter(&door, PLAIN)) {
        any = errand_next(&errand);
        leave(&door);
        if (!any)
            break;
        int error = errand.kind == ERRAND_CALL ? errand_start_call(&errand) : cancel(errand.target);
        errand.info.error = error;
        if (error || errand.kind == ERRAND_CANCEL)
            errand_report(&errand.info);
    }
}
