/* Time limits: frames, firing without coroutines, unwinding.
 *
 * A thread's limits are a stack. With coroutines it hangs off the coroutine and the loop fires them
 * (interpose/limit.c); otherwise off a pthread key, and a timer of the kernel's sends SIGALRM to the thread, again
 * and again until the limit is left: the handler acts only while libc is at a cancellation point, so no
 * code is torn apart that cancellation would spare.
 *
 * The unwinding is what pthread_cancel does: _Unwind_ForcedUnwind, so that destructors and handlers of code with
 * exceptions run as its tables say. Handlers of other C code are on two lists of libc's thread descriptor: buffers
 * to jump to, each of which continues by __pthread_unwind_next, and, of an older kind, functions to call. Where
 * the lists hang is found out by registering something and looking what has changed. */
#define _GNU_SOURCE
#include "shim/api/limit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interpose/cancel.h"
#include "interpose/doors_limit.h"
#include "shim/api/call.h"
#include "shim/api/park.h"
#include "shim/api/unwind.h"
#include "shim/api/wait.h"
#include "shim/log.h"

#define PTHREAD_BYTES 0x800 /* of struct pthread, where we look */
#define RETRY_NS      (5 * (long)NSEC_PER_MSEC)

/* __pthread_unwind_buf_t */
struct jump_buffer {
    struct {
        long registers[8]; /* rbx rbp r12-r15 rsp rip; the last two, and rbp, scrambled */
        int mask_was_saved;
    } place;
    void *outer, *handlers, *unused[2];
};

/* struct _pthread_cleanup_buffer */
struct handler {
    void (*fn)(void *);
    void *argument;
    int cancel_type;
    struct handler *outer;
};

void register_buffer(void *buffer) __asm__("__pthread_register_cancel");
void unregister_buffer(void *buffer) __asm__("__pthread_unregister_cancel");
void push_handler(void *handler, void (*fn)(void *),
                  void *argument) __asm__("_pthread_cleanup_push");
void pop_handler(void *handler, int execute) __asm__("_pthread_cleanup_pop");

static uint32_t buffer_offset, handlers_offset; /* of the lists' heads; 0: not found */
static bool prepared;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t own_limits; /* natively */
static struct sigaction other_alarm;

static void **word_at(uint32_t offset)
{
    return (void **)((char *)pthread_self() + offset);
}

static uint32_t find_word(const void *value)
{
    for (uint32_t at = 8; at < PTHREAD_BYTES; at += sizeof(void *))
        if (*word_at(at) == value)
            return at;
    return 0;
}

static void do_nothing(void *argument)
{
    (void)argument;
}

static void unwind_next(void *buffer);

static void prepare(void)
{
    struct jump_buffer buffer;
    struct handler handler;
    register_buffer(&buffer);
    buffer_offset = find_word(&buffer);
    unregister_buffer(&buffer);
    push_handler(&handler, do_nothing, NULL);
    handlers_offset = find_word(&handler);
    pop_handler(&handler, 0);
    pthread_key_create(&own_limits, NULL);
    door_limits.unwind_next = unwind_next;
    door_limits.leave = api_limit_leave;
    __atomic_store_n(&prepared, true, __ATOMIC_RELEASE);
}

static struct limit *limits(void)
{
    if (!__atomic_load_n(&prepared, __ATOMIC_ACQUIRE))
        return NULL;
    return api_is_running() ? op_limits() : pthread_getspecific(own_limits);
}

static uint32_t cancel_word(void)
{
    return cancel_word_offset ? *(volatile uint32_t *)((char *)pthread_self() + cancel_word_offset)
                              : 0;
}

static struct limit *due(void)
{
    return cancel_word() & (CANCEL_DISABLED | CANCEL_EXITING) ? NULL : limit_due(limits());
}

/* Natively each has an alarm of its own, but pending ones become one. Returns the first to come. */
static uint64_t mark_over(struct limit *at)
{
    uint64_t next = DEADLINE_NEVER, now = at ? api_now_ns() : 0;
    for (; at; at = at->outer) {
        at->over = at->over || at->deadline_ns <= now;
        if (!at->over && at->deadline_ns < next)
            next = at->deadline_ns;
    }
    return next;
}

uint64_t api_limit_bound(uint64_t deadline_ns)
{
    uint64_t next = mark_over(api_is_running() ? NULL : limits());
    return next < deadline_ns ? next : deadline_ns;
}

bool api_limit_due(void)
{
    return due() != NULL;
}

/* ---- unwinding ---- */

/* The stack pointer in a jump buffer, which libc scrambles. */
static uintptr_t stack_pointer(const void *jump)
{
    uintptr_t sp = (uintptr_t)((const long *)jump)[6];
    __asm__("rorq $17, %0\n\txorq %%fs:48, %0" : "+r"(sp));
    return sp;
}

/* Where to jump next on the way to @limit: a handler's buffer inside it, or its landing. */
static void *next_jump(struct api_limit *limit)
{
    void *buffer = buffer_offset ? *word_at(buffer_offset) : NULL;
    return buffer && buffer != limit->buffer ? buffer : (void *)limit->landing;
}

static void run_handlers(const struct api_limit *limit, const void *jump, uintptr_t frame,
                         bool jumps)
{
    const void *last = jump == (const void *)limit->landing
                           ? limit->handlers
                           : ((struct jump_buffer *)jump)->handlers;
    struct handler *at;
    while (handlers_offset && (at = *word_at(handlers_offset)) && at != last &&
           (jumps || frame >= (uintptr_t)at)) {
        *word_at(handlers_offset) = at->outer;
        at->fn(at->argument);
    }
}

static _Unwind_Reason_Code at_frame(int version, _Unwind_Action actions,
                                    _Unwind_Exception_Class class,
                                    struct _Unwind_Exception *exception,
                                    struct _Unwind_Context *context, void *argument)
{
    struct api_limit *limit = argument;
    uintptr_t (*get_cfa)(struct _Unwind_Context *) =
        (uintptr_t(*)(struct _Unwind_Context *))api_libgcc("_Unwind_GetCFA");
    uintptr_t frame = get_cfa(context);
    void *jump = next_jump(limit);
    bool jumps = actions & _UA_END_OF_STACK || frame >= stack_pointer(jump);
    (void)version, (void)class, (void)exception;
    run_handlers(limit, jump, frame, jumps);
    if (jumps)
        longjmp(*(jmp_buf *)jump, 1);
    return _URC_NO_REASON;
}

/* As libc says when cancellation is caught and not thrown on. */
static void swallowed(_Unwind_Reason_Code reason, struct _Unwind_Exception *exception)
{
    (void)reason, (void)exception;
    log_line(LOG_ERROR, "coro_with_timeout: a handler has caught the timeout and not thrown it on");
    abort();
}

typedef _Unwind_Reason_Code forced_unwind(struct _Unwind_Exception *, _Unwind_Stop_Fn, void *);

static void unwind_to(struct api_limit *limit)
{
    forced_unwind *force = (forced_unwind *)api_libgcc("_Unwind_ForcedUnwind");
    memset(&limit->exception, 0, sizeof(limit->exception));
    limit->exception.exception_cleanup = swallowed;
    force(&limit->exception, at_frame, limit);
    abort(); /* at_frame jumps in any case */
}

/* The limit that the thread is being unwound to: the outermost of those that it leaves. */
static struct api_limit *target(void)
{
    struct limit *at = limits();
    while (at && !at->leaving)
        at = at->outer;
    while (at && at->outer && at->outer->leaving)
        at = at->outer;
    return at ? container_of(at, struct api_limit, limit) : NULL;
}

static void unwind_next(void *buffer)
{
    struct api_limit *limit = target();
    if (!limit || cancel_word() & CANCEL_EXITING)
        return; /* libc unwinds */
    *word_at(buffer_offset) = ((struct jump_buffer *)buffer)->outer;
    unwind_to(limit);
}

static void leave(struct api_limit *limit);

/* The program has jumped past its frame. */
static bool is_stale(const struct api_limit *limit)
{
    return limit->place < (uintptr_t)__builtin_frame_address(0);
}

int api_limit_leave(bool parked)
{
    struct limit *found = due();
    if (!found)
        return 0;
    struct api_limit *limit = container_of(found, struct api_limit, limit);
    if (is_stale(limit)) {
        leave(limit);
        return api_limit_leave(parked);
    }
    if (!found->unwinds) {
        limit->told |= parked;
        return parked ? ETIMEDOUT : 0;
    }
    for (struct limit *at = limits(); at != found; at = at->outer)
        at->leaving = true;
    found->leaving = true;
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
    unwind_to(limit);
    return 0;
}

static void leave_libc_call(void)
{
    api_limit_leave(true);
}

/* ---- without coroutines ---- */

static void pass_on(int signal, siginfo_t *info, void *context)
{
    if (other_alarm.sa_flags & SA_SIGINFO)
        other_alarm.sa_sigaction(signal, info, context);
    else if (other_alarm.sa_handler == SIG_DFL)
        (void)(sigaction(signal, &other_alarm, NULL) == 0 && raise(signal));
    else if (other_alarm.sa_handler != SIG_IGN)
        other_alarm.sa_handler(signal);
}

static void alarm_rang(int signal, siginfo_t *info, void *context)
{
    int error = errno;
    struct limit *at = info->si_code == SI_TIMER ? limits() : NULL;
    while (at && at != info->si_value.sival_ptr)
        at = at->outer;
    if (!at) { /* a timer's may be the last ring of a limit that was left */
        if (info->si_code != SI_TIMER)
            pass_on(signal, info, context);
        return;
    }
    mark_over(limits());
    struct limit *found = due();
    if (found && found->unwinds && cancel_word() & CANCEL_ASYNCHRONOUS)
        api_limit_leave(true);
    errno = error;
}

static void handle_alarm(void)
{
    struct sigaction action = { .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER };
    struct sigaction before;
    action.sa_sigaction = alarm_rang;
    sigaction(SIGALRM, &action, &before);
    if (!(before.sa_flags & SA_SIGINFO) || before.sa_sigaction != alarm_rang)
        other_alarm = before;
}

static int start_clock(struct api_limit *limit)
{
    uint64_t at = limit->limit.deadline_ns ? limit->limit.deadline_ns : 1;
    struct itimerspec when = {
        .it_interval = { .tv_nsec = RETRY_NS },
        .it_value = { (time_t)(at / NSEC_PER_SEC), (long)(at % NSEC_PER_SEC) },
    };
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
    event.sigev_value.sival_ptr = &limit->limit;
    event._sigev_un._tid = gettid();
    handle_alarm();
    if (timer_create(CLOCK_MONOTONIC, &event, &limit->clock) != 0)
        return -errno;
    limit->ticking = true;
    timer_settime(limit->clock, TIMER_ABSTIME, &when, NULL);
    return 0;
}

static int enter_natively(struct api_limit *limit)
{
    limit->limit.outer = pthread_getspecific(own_limits);
    int error = limit->limit.deadline_ns == DEADLINE_NEVER ? 0 : start_clock(limit);
    if (!error)
        pthread_setspecific(own_limits, &limit->limit);
    return error;
}

/* ---- frames ---- */

static int enter(struct api_limit *limit)
{
    int type;
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
    pthread_setcanceltype(type, NULL);
    limit->cancel_type = type;
    limit->buffer = buffer_offset ? *word_at(buffer_offset) : NULL;
    limit->handlers = handlers_offset ? *word_at(handlers_offset) : NULL;
    if (!api_limit_enter(&limit->limit))
        return enter_natively(limit);
    return 0;
}

static void free_one(struct limit *at)
{
    struct api_limit *limit = container_of(at, struct api_limit, limit);
    if (limit->ticking)
        timer_delete(limit->clock);
    free(limit);
}

/* Takes it off with all that the program has jumped out of. */
static void leave(struct api_limit *limit)
{
    struct limit *at = limits(), *outer = limit->limit.outer;
    if (!api_limit_exit(&limit->limit))
        pthread_setspecific(own_limits, outer);
    while (at && at != outer) { /* in the child of a fork they are not found */
        struct limit *next = at->outer;
        free_one(at);
        at = next;
    }
}

static void leave_frame(void *limit)
{
    leave(limit);
}

/* Separate, so that nothing in its frame is changed between setjmp and the landing. */
static __attribute__((noinline)) int call_within(struct api_limit *limit, struct coro_call *call)
{
    if (_setjmp(limit->landing) == 0) {
        pthread_cleanup_push(leave_frame, limit);
        api_call_run(call);
        pthread_cleanup_pop(0);
        return limit->told;
    }
    if (buffer_offset)
        *word_at(buffer_offset) = limit->buffer;
    if (handlers_offset)
        *word_at(handlers_offset) = limit->handlers;
    pthread_setcanceltype(limit->cancel_type, NULL);
    return 1;
}

int api_limit_run(struct coro_call *call, uint64_t deadline_ns, bool unwinds)
{
    pthread_once(&once, prepare);
    if (unwinds && (!api_libgcc("_Unwind_ForcedUnwind") || !api_libgcc("_Unwind_GetCFA")))
        return -ELIBACC;
    struct api_limit *limit = calloc(1, sizeof(*limit));
    if (!limit)
        return -ENOMEM;
    limit->limit.deadline_ns = deadline_ns;
    limit->limit.unwinds = unwinds;
    limit->limit.leave = leave_libc_call;
    limit->place = (uintptr_t)__builtin_frame_address(0);
    int result = enter(limit);
    if (result) {
        free(limit);
        return result;
    }
    result = call_within(limit, call);
    leave(limit);
    return result;
}

uint64_t api_limit_next(void)
{
    uint64_t next = DEADLINE_NEVER;
    pthread_once(&once, prepare);
    for (const struct limit *at = limits(); at; at = at->outer)
        next = at->deadline_ns < next ? at->deadline_ns : next;
    return next;
}
