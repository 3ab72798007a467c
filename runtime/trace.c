/* Tracing.
 *
 * `carrier.watch.trace` turns the events of one carrier on and off. The monitor sets it after it has
 * made the ring, and clears it; the carrier may be writing an event at that moment, so a ring stays
 * mapped, and neither count ever goes back: a new trace begins where the writer is. What was written
 * late for the last trace is older than the new one, and its reader knows by the time.
 *
 * A look at the clock costs more than the rest of an event. Two things that happen together share
 * one: a park or yield and the next one's run, and all wakes of one poll (`fresh`).
 *
 * The monitor's own events, stalls, are in a small ring of its own. */
#include "runtime/trace.h"

#include "runtime/mem.h"
#include "runtime/runtime.h"

#define RING_EVENTS (1U << 17) /* 4 MiB: 0.2 s of a server's 700,000 events a second */
#define CALLS       512

static struct trace_ring stalls; /* written and read by the monitor */

static const uint8_t traced[CALLS] = {
#define TRACED_BIT(call, fd) [__NR_##call] = 1,
    TRACED_CALLS(TRACED_BIT)
#undef TRACED_BIT
};

static struct trace_event *place(const struct trace_ring *ring, uint64_t number)
{
    return &ring->events[number & ring->mask];
}

static struct trace_event *add(struct trace_ring *ring)
{
    return place(ring, ring->written);
}

static void added(struct trace_ring *ring)
{
    __atomic_store_n(&ring->written, ring->written + 1, __ATOMIC_RELEASE);
}

static NOINLINE bool make_room(struct trace_ring *ring, uint64_t time)
{
    ring->read_known = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE);
    if (ring->written + 1 + (ring->lost > 0) - ring->read_known > (uint64_t)ring->mask + 1) {
        ring->lost++;
        return false;
    }
    if (ring->lost) {
        *add(ring) = (struct trace_event){ .time = time, .object = ring->lost, .type = TRACE_LOST };
        added(ring);
        ring->lost = 0;
    }
    return true;
}

static inline void put(struct trace_ring *ring, const struct trace_event event)
{
    bool has_room = ring->written - ring->read_known <= ring->mask;
    if (unlikely(!has_room || ring->lost) && !make_room(ring, event.time))
        return;
    *add(ring) = event;
    added(ring);
}

void trace_put(struct trace_ring *ring, const struct trace_event *event)
{
    put(ring, *event);
}

size_t trace_take(struct trace_ring *ring, struct trace_event *out, size_t max)
{
    uint64_t read = ring->read, written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
    size_t count = 0;
    while (count < max && read < written)
        out[count++] = *place(ring, read++);
    __atomic_store_n(&ring->read, read, __ATOMIC_RELEASE);
    return count;
}

/* The monitor. */

static bool make_ring(struct trace_ring *ring, uint32_t events)
{
    if (!ring->events)
        ring->events = pages_map(events * sizeof(struct trace_event));
    ring->mask = events - 1;
    ring->lost = 0;
    __atomic_store_n(&ring->read, ring->written, __ATOMIC_RELEASE);
    return ring->events != NULL;
}

/* The processor's counter, where it goes on at one rate for all (CPUID 80000007, EDX, bit 8), costs half
 * of what the vDSO's clock does. */
static bool counter_is_a_clock(void)
{
    uint32_t a = 0x80000000U, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (a < 0x80000007U)
        return false;
    a = 0x80000007U;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return d & 1U << 8;
}

static uint64_t read_clock(const struct trace_ring *ring)
{
    return likely(ring->tsc) ? __builtin_ia32_rdtsc() : clock_now(&runtime.clock);
}

uint64_t trace_now(void)
{
    return read_clock(&runtime.carrier.trace);
}

int trace_start(void)
{
    struct carrier *carrier = &runtime.carrier;
    if (carrier->watch.trace)
        return -EBUSY;
    if (!make_ring(&carrier->trace, RING_EVENTS) || !make_ring(&stalls, TRACE_STALLS))
        return -ENOMEM;
    carrier->trace.serial++;
    carrier->trace.tsc = counter_is_a_clock();
    __atomic_store_n(&carrier->watch.trace, 1, __ATOMIC_RELEASE);
    return 0;
}

void trace_stop(void)
{
    struct carrier *carrier = &runtime.carrier;
    __atomic_store_n(&carrier->watch.trace, 0, __ATOMIC_RELEASE);
}

static const struct trace_event *oldest_stall(void)
{
    return stalls.read < stalls.written ? place(&stalls, stalls.read) : NULL;
}

/* @out holds @count events of the carrier's, and more are to come if @more: puts the stalls where they
 * belong among them. There is room. */
static size_t merge_stalls(struct trace_event *out, size_t count, bool more)
{
    const struct trace_event *stall;
    while ((stall = oldest_stall())) {
        size_t at = count;
        if (more && stall->time > out[count - 1].time)
            break;
        while (at > 0 && out[at - 1].time > stall->time)
            at--;
        memmove(&out[at + 1], &out[at], (count - at) * sizeof(*out));
        out[at] = *stall;
        stalls.read++;
        count++;
    }
    return count;
}

/* No event will come that tells of them; the writer is off. */
static struct trace_event lost_at_the_end(struct trace_ring *ring)
{
    const struct trace_event event = { .time = trace_now(),
                                       .object = ring->lost,
                                       .type = TRACE_LOST };
    ring->lost = 0;
    return event;
}

size_t trace_read(struct trace_event *out, size_t max, bool *more)
{
    struct trace_ring *ring = &runtime.carrier.trace;
    size_t room = max - TRACE_STALLS - 1, count = ring->events ? trace_take(ring, out, room) : 0;
    *more = count == room;
    if (!*more && !runtime.carrier.watch.trace && ring->lost)
        out[count++] = lost_at_the_end(ring);
    return merge_stalls(out, count, *more);
}

void trace_stall(uint64_t thread, uint64_t held_ns)
{
    const struct trace_event event = {
        .time = trace_now(), .thread = thread, .object = held_ns, .type = TRACE_STALL
    };
    if (runtime.carrier.watch.trace)
        trace_put(&stalls, &event);
}

/* The carrier. */

static uint64_t stamp(struct trace_ring *ring)
{
    ring->resumed = false;
    return ring->stamp = read_clock(ring);
}

static inline void put_now(struct carrier *carrier, struct trace_event event)
{
    event.time = stamp(&carrier->trace);
    put(&carrier->trace, event);
}

static void put_name(struct carrier *carrier, const struct co *co)
{
    struct trace_event event = { .time = carrier->trace.stamp, .thread = co->id };
    memcpy(event.name, co->name, sizeof(event.name));
    event.type = TRACE_NAME;
    put(&carrier->trace, event);
}

void trace_queued(struct carrier *carrier, const struct co *co)
{
    const struct co *by = carrier->current;
    struct trace_ring *ring = &carrier->trace;
    struct trace_event event = { .thread = co->id, .object = by ? by->id : 0 };
    if (co->state == CO_RUNNING) {
        event.object = 0;
        event.type = TRACE_YIELD;
    } else if (co->state == CO_NEW) {
        event.object = co->creator_id;
        event.type = TRACE_CREATE;
    } else {
        event.value = co->wake_result;
        event.type = TRACE_WAKE;
    }
    /* The loop wakes many at once, and a thread that yields is followed by another's run. */
    event.time = !by && ring->fresh ? ring->stamp : stamp(ring);
    ring->fresh = !by || event.type == TRACE_YIELD;
    put(ring, event);
}

void trace_run(struct carrier *carrier, const struct co *co)
{
    struct trace_ring *ring = &carrier->trace;
    bool direct = carrier->current && ring->fresh;
    const struct trace_event event = { .time = direct ? ring->stamp : stamp(ring),
                                       .thread = co->id,
                                       .type = TRACE_RUN };
    ring->fresh = false;
    ring->resumed = true;
    put(ring, event);
}

/* A call that began in a trace may end in another: then its mark is of no use. */
static uint16_t mark(const struct trace_ring *ring, uint64_t nr)
{
    return (uint16_t)((ring->serial * CALLS + nr) * 2 + 1);
}

/* The call that @co is in, or CALLS. */
static uint16_t marked_call(const struct trace_ring *ring, const struct co *co)
{
    uint16_t nr = co->traced_call / 2 % CALLS;
    return co->traced_call == mark(ring, nr) ? nr : CALLS;
}

void trace_park(struct carrier *carrier, struct co *co)
{
    const struct co_wait *wait = &co->wait;
    struct trace_ring *ring = &carrier->trace;
    uint16_t call = marked_call(ring, co);
    struct trace_event event = { .time = stamp(ring),
                                 .thread = co->id,
                                 .object = wait->addr,
                                 .value = wait->fd,
                                 .nr = (uint16_t)wait->nr,
                                 .kind = (uint8_t)wait->kind,
                                 .type = TRACE_PARK };
    if (call != CALLS) {
        event.nr = call;
        event.kind |= TRACE_IN_CALL;
        co->traced_wait = true;
    }
    if (wait->kind == WAIT_MUTEX || wait->kind == WAIT_JOIN)
        event.value = (int32_t)wait->tid;
    else if (wait->kind == WAIT_CHILD)
        event.value = wait->pid;
    put(ring, event);
    ring->fresh = true;
}

void trace_exit(struct carrier *carrier, const struct co *co)
{
    stamp(&carrier->trace);
    put_name(carrier, co);
    put_now(carrier, (struct trace_event){ .thread = co->id, .type = TRACE_EXIT });
}

void trace_preempt(struct carrier *carrier, const struct co *co, uintptr_t pc)
{
    put_now(carrier, (struct trace_event){ .thread = co->id, .object = pc, .type = TRACE_PREEMPT });
}

void trace_call(struct carrier *carrier, struct co *co, uint64_t nr, long first)
{
    co->traced_call = nr < CALLS && traced[nr] ? mark(&carrier->trace, nr) : 0;
    co->traced_word = (int32_t)first;
    co->traced_wait = false;
}

/* Between the run that ends a call's wait and its return there is no code of the program's: they share a
 * time. */
void trace_return(struct carrier *carrier, struct co *co, long result)
{
    struct trace_ring *ring = &carrier->trace;
    struct trace_event event = { .thread = co->id,
                                 .object = (uint64_t)result,
                                 .value = co->traced_word,
                                 .nr = marked_call(ring, co),
                                 .type = TRACE_RETURN };
    co->traced_call = 0;
    if (event.nr == CALLS)
        return;
    event.time = co->traced_wait && ring->resumed ? ring->stamp : stamp(ring);
    put(ring, event);
}

void trace_offload(struct carrier *carrier, const struct co *co, long nr)
{
    put_now(carrier,
            (struct trace_event){ .thread = co->id, .nr = (uint16_t)nr, .type = TRACE_OFFLOAD });
}

void trace_offload_end(struct carrier *carrier, const struct co *co, long nr, long result)
{
    put_now(carrier, (struct trace_event){ .thread = co->id,
                                           .object = (uint64_t)result,
                                           .nr = (uint16_t)nr,
                                           .type = TRACE_OFFLOAD_END });
}

void trace_reset(struct carrier *carrier)
{
    carrier->watch.trace = 0;
    if (carrier->trace.events)
        pages_unmap(carrier->trace.events, RING_EVENTS * sizeof(struct trace_event));
    carrier->trace = (struct trace_ring){ .events = NULL };
    stalls.read = stalls.written;
}
