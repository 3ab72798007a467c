/* The scheduler.
 *
 * Invariants: exactly one of {a coroutine, the loop} runs on a carrier; `current` says which (NULL:
 * the loop). A coroutine is in the run queue exactly when it is CO_RUNNABLE. `in_runtime` stays set
 * across every switch here, so a signal handler never sees a half-made one. FS base is switched by
 * the one that leaves; code below the gate reads no TLS, so the moment does not matter.
 *
 * A parked coroutine's vector registers: code that was called (a symbol door) has none alive; code
 * that was entered at an inline system call may, and simd_call_* keeps them on its stack. */
#include "runtime/sched.h"

#include "runtime/monitor.h"
#include "runtime/poll/poll.h"
#include "runtime/probes.h"
#include "runtime/watch.h"

#define LOOP_STACK_BYTES (64 * 1024UL)
#define OVERTAKES_MAX    64
#define CROWD            64 /* so many threads leave each other little in the cache */
#define WAITS_IN_BYTES   512UL

static void loop(void *argument);

int sched_init(struct carrier *carrier)
{
    if (!carrier->loop_stack)
        carrier->loop_stack = pages_map(LOOP_STACK_BYTES);
    if (!carrier->loop_stack)
        return -ENOMEM;
    list_init(&carrier->run_queue);
    carrier->run_queue_length = 0;
    carrier->budget = SCHED_BUDGET;
    carrier->favours = SCHED_FAVOURS;
    carrier->loop_sp =
        context_prepare((char *)carrier->loop_stack + LOOP_STACK_BYTES, loop, carrier);
    return timer_reserve(&carrier->timers);
}

static void enqueue_before(struct carrier *carrier, struct list *place, struct co *co)
{
    watch_queued(carrier, co);
    co_set_state(co, CO_RUNNABLE);
    list_push(place, &co->link);
    __builtin_prefetch(co->sp); /* see prefetch_first */
    carrier->run_queue_length++;
}

/* A real-time thread runs before all of lower priority, and ends the turn of one that runs. Several
 * processors would meanwhile run the ordinary ones too: they get a turn after so many overtakings. */
static struct list *realtime_place(struct carrier *carrier, const struct co *co)
{
    struct list *place, *after;
    if (carrier->overtakes++ >= OVERTAKES_MAX)
        return &carrier->run_queue;
    list_for_each (place, after, &carrier->run_queue) {
        if (container_of(place, struct co, link)->rt_priority < co->rt_priority)
            break;
    }
    if (carrier->current && carrier->current->rt_priority < co->rt_priority)
        __atomic_fetch_or(&carrier->kthread.attention, ATTENTION_PREEMPT, __ATOMIC_SEQ_CST);
    return place;
}

static void enqueue(struct carrier *carrier, struct co *co)
{
    struct list *place = &carrier->run_queue;
    if (unlikely(co->rt_priority))
        place = realtime_place(carrier, co);
    enqueue_before(carrier, place, co);
}

/* At the front of the queue; only a wake does that, and only so often. */
static void enqueue_first(struct carrier *carrier, struct co *co)
{
    if (unlikely(co->rt_priority))
        enqueue(carrier, co);
    else
        enqueue_before(carrier, carrier->run_queue.next, co);
}

static bool take_favour(struct carrier *carrier, const struct co *co)
{
    uint32_t who = carrier->current ? FAVOUR_WOKEN_BY_THREAD : FAVOUR_WOKEN_BY_EVENT;
    uint32_t favoured = co->favoured & FAVOUR_OWN ? co->favoured : runtime.favoured;
    if (!(favoured & who) || !carrier->favours)
        return false;
    carrier->favours--;
    return true;
}

static struct co *dequeue(struct carrier *carrier)
{
    struct list *link = list_pop(&carrier->run_queue);
    if (!link)
        return NULL;
    carrier->run_queue_length--;
    struct co *co = container_of(link, struct co, link);
    if (!co->rt_priority)
        carrier->overtakes = 0;
    return co;
}

static void make_current(struct carrier *carrier, struct co *co)
{
    watch_switch(carrier, co);
    carrier->current = co;
    carrier->switches++;
    co_set_state(co, CO_RUNNING);
    co->slices++;
    if (likely(co->fs_base))
        fs_base_set(&runtime.cpu, co->fs_base);
}

/* What a thread that waits in a call has on its stack, fetched while the one before it runs. Its page was
 * met when it was queued: looking that up takes longer, and goes faster for several at once. */
static inline void prefetch_first(const struct carrier *carrier)
{
    const struct co *co = container_of(carrier->run_queue.next, struct co, link);
    for (size_t i = 0; i < WAITS_IN_BYTES; i += CACHE_BYTES)
        __builtin_prefetch((const char *)co->sp + i);
}

/* Leaves @from, whose state is already set, for whoever is next. */
static INLINE long switch_away(void *argument)
{
    struct co *from = argument;
    struct carrier *carrier = this_carrier();
    struct co *next = NULL;
    if (carrier->budget) {
        carrier->budget--;
        next = dequeue(carrier);
    }
    if (next == from) {
        make_current(carrier, from);
        return 0;
    }
    if (runtime.live >= CROWD && carrier->run_queue_length)
        prefetch_first(carrier);
    void *sp = carrier->loop_sp;
    if (next) {
        make_current(carrier, next);
        sp = next->sp;
    } else {
        watch_switch(carrier, NULL);
        carrier->current = NULL;
    }
    context_switch(&from->sp, sp);
    return 0;
}

static INLINE long keeping_simd(const struct co *co, long (*fn)(void *), void *argument)
{
    if (co->simd == SIMD_NONE)
        return fn(argument);
    if (co->simd == SIMD_XMM || !runtime.cpu.simd_mask)
        return simd_call_xmm(fn, argument);
    return simd_call_full(fn, argument, runtime.cpu.simd_bytes, runtime.cpu.simd_mask);
}

long simd_call(const struct co *co, long (*fn)(void *), void *argument)
{
    return keeping_simd(co, fn, argument);
}

/* Inline, as all between a park and its switch: each return to where another stack was switched to is one
 * that the processor predicts wrongly. */
static INLINE void leave_for_others(struct co *co)
{
    keeping_simd(co, switch_away, co);
}

static INLINE bool begin_park(struct carrier *carrier, struct co *co, uint64_t deadline_ns)
{
    if (deadline_ns != DEADLINE_NEVER) {
        if (timer_reserve(&carrier->timers) != 0)
            return false;
        timer_add(&carrier->timers, &co->timer, deadline_ns);
    }
    PROBE3(park, co->id, co->wait.kind, co->wait.addr);
    if (unlikely(carrier->watch.trace))
        trace_park(carrier, co);
    co_set_state(co, CO_PARKED);
    co->waits++;
    return true;
}

/* Both ways to leave share the one switch: threads that hand over to each other, one leaving this way and
 * the other that way, then return where the processor expects it. */
int sched_park_or_follow(uint64_t deadline_ns, struct co *first)
{
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    if (first) {
        PROBE2(wake, first->id, 0);
        first->wake_result = 0;
        enqueue_before(carrier, &carrier->run_queue, co);
        enqueue_first(carrier, first);
    } else if (!begin_park(carrier, co, deadline_ns)) {
        return -ENOMEM;
    }
    leave_for_others(co);
    if (first)
        return 0;
    co->wait.kind = WAIT_NONE;
    if (deadline_ns != DEADLINE_NEVER)
        timer_remove(&this_carrier()->timers, &co->timer);
    return co->wake_result;
}

int sched_park(uint64_t deadline_ns)
{
    return sched_park_or_follow(deadline_ns, NULL);
}

bool sched_wake(struct co *co, int result)
{
    if (co->state != CO_PARKED)
        return false;
    co->wake_result = result;
    PROBE2(wake, co->id, result);
    if (unlikely(runtime.favoured | co->favoured) && take_favour(&runtime.carrier, co))
        enqueue_first(&runtime.carrier, co);
    else
        enqueue(&runtime.carrier, co);
    return true;
}

void sched_run_first(struct co *co)
{
    struct carrier *carrier = &runtime.carrier;
    if (co->state != CO_RUNNABLE || !carrier->favours)
        return;
    carrier->favours--;
    list_remove(&co->link);
    carrier->run_queue_length--;
    enqueue_first(carrier, co);
}

void sched_start(struct co *co)
{
    PROBE2(create, co->id, co->creator_id);
    enqueue(&runtime.carrier, co);
}

void sched_yield_co(void)
{
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    if (list_empty(&carrier->run_queue) && carrier->budget) {
        carrier->budget--;
        return;
    }
    enqueue_before(carrier, &carrier->run_queue, co); /* behind all, whatever its priority */
    leave_for_others(co);
}

void sched_yield_polling(void)
{
    this_carrier()->budget = 0;
    sched_yield_co();
}

static bool is_near(const struct co_place *place, uint32_t pc, uint32_t sp)
{
    return sp == place->sp && pc - place->pc + SPIN_SPAN / 2 < SPIN_SPAN;
}

/* True when one of the last two preemptions met @co in the same place: who hands out work and waits
 * for its end may wait in two places by turns. */
static bool met_there_before(struct co *co, uint32_t pc, uint32_t sp)
{
    const struct co_place latest = co->places[0];
    if (is_near(&latest, pc, sp))
        return true;
    co->places[0] = co->places[1];
    co->places[1] = latest;
    if (is_near(&co->places[0], pc, sp))
        return true;
    co->places[0] = (struct co_place){ .pc = pc, .sp = sp };
    return false;
}

void sched_note_preemption(struct carrier *carrier, struct co *co, uintptr_t pc)
{
    co->preemptions++;
    PROBE2(preempt, co->id, pc);
    if (unlikely(carrier->watch.trace))
        trace_preempt(carrier, co, pc);
}

bool sched_meet(uintptr_t pc, uintptr_t sp)
{
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    sched_note_preemption(carrier, co, pc);
    bool again = met_there_before(co, (uint32_t)pc, (uint32_t)sp);
    if (again) {
        co->slice_shift += co->slice_shift < SLICE_SHIFT_MAX;
        carrier->spinning = SPIN_TICKS;
    } else {
        co->slice_shift = 0;
    }
    return again;
}

/* The leaving coroutine's argument to the loop: the loop frees it on its own stack. */
void sched_exit(void (*leave)(struct co *co))
{
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    PROBE1(exit, co->id);
    if (unlikely(carrier->watch.trace))
        trace_exit(carrier, co);
    co_set_state(co, CO_DEAD);
    watch_switch(carrier, NULL);
    carrier->current = NULL;
    carrier->leaving = co;
    carrier->leave = leave;
    context_switch(&co->sp, carrier->loop_sp);
    __builtin_unreachable();
}

static void expire_timers(struct carrier *carrier, uint64_t now_ns)
{
    struct timer *timer;
    while ((timer = timer_expire(&carrier->timers, now_ns))) {
        if (unlikely(timer->expired))
            timer->expired(timer);
        else
            sched_wake(container_of(timer, struct co, timer), -ETIMEDOUT);
    }
}

static void bury(struct carrier *carrier)
{
    struct co *co = carrier->leaving;
    carrier->leaving = NULL;
    if (co)
        carrier->leave(co);
}

/* One pass: timers, notes left by handlers and other kernel threads, readiness. */
static void pass(struct carrier *carrier)
{
    uint64_t now = clock_now(&runtime.clock);
    runtime.coarse_ns = now;
    carrier->polls++;
    carrier->favours = SCHED_FAVOURS;
    latency_pass(carrier, now);
    expire_timers(carrier, now);
    if (carrier->kthread.attention & ATTENTION_REMOTE)
        runtime_drain_inbox();
    if (carrier->kthread.attention & ATTENTION_SIGNAL && runtime.signals_noted)
        runtime.signals_noted();
    carrier->trace.fresh = false; /* what a poll finds has a time of its own */
    /* Atomic: other kernel threads set bits meanwhile. */
    __atomic_fetch_and(&carrier->kthread.attention, ~ATTENTION_PREEMPT, __ATOMIC_SEQ_CST);
    if (carrier->run_queue_length) {
        poll_wait(0);
        return;
    }
    uint64_t next = timer_next(&carrier->timers);
    __atomic_store_n(&carrier->idle, true, __ATOMIC_SEQ_CST);
    poll_wait(next == DEADLINE_NEVER ? DEADLINE_NEVER : next > now ? next - now : 0);
    if (!carrier->run_queue_length) {
        now = clock_now(&runtime.clock);
        runtime.coarse_ns = now;
        expire_timers(carrier, now);
    }
    __atomic_store_n(&carrier->idle, false, __ATOMIC_SEQ_CST);
    monitor_wake();
}

static void loop(void *argument)
{
    struct carrier *carrier = argument;
    for (;;) {
        bury(carrier);
        struct co *next = carrier->budget ? dequeue(carrier) : NULL;
        if (!next) {
            pass(carrier);
            carrier->budget = SCHED_BUDGET;
            continue;
        }
        carrier->budget--;
        make_current(carrier, next);
        context_switch(&carrier->loop_sp, next->sp);
    }
}
