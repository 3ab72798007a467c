/* Tracing.
 *
 * `carrier.watch.trace` turns the events of one carrier on and off. The monitor sets it after it has
 * made the ring, and clears it; the carrier may be writing an event at that moment, so there always is a
 * ring, and neither count ever goes back: a new trace begins where the writer is. What was written
 * late for the last trace is older than the new one, and its reader knows by the time.
 *
 * The ring is memory that the reader has a descriptor of, and reads by itself: the monitor, which shares
 * a core with the carrier often enough, only tells how far it is filled. A server's events are tens of
 * megabytes a second. Written one by one they would push what the program and the kernel work with out of the
 * caches; so they are collected in `block`, which stays there, and a full block goes past the
 * caches. What the last block holds at the end is told by the monitor.
 *
 * A look at the clock costs more than the rest of an event. Two things that happen together share
 * one: a park or yield and the next one's run, and all wakes of one poll (`fresh`).
 *
 * The monitor's own events, stalls, are kept apart. */
#include "runtime/trace.h"

#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>

#include "runtime/mem.h"
#include "runtime/runtime.h"
#include "runtime/sys.h"

#define RING_BYTES (TRACE_EVENTS * sizeof(struct trace_event))
#define CALLS      512

static struct stalls {
    struct trace_event events[TRACE_STALLS];
    uint32_t count;
} stalls; /* written and read by the monitor */

static const uint8_t traced[CALLS] = {
#define TRACED_BIT(call, fd) [__NR_##call] = 1,
    TRACED_CALLS(TRACED_BIT)
#undef TRACED_BIT
};

/* One line of the cache, past it. */
static void store_line(void *to, const void *from)
{
    uint64_t *word = to;
    const uint64_t *value = from;
    for (size_t i = 0; i < CACHE_BYTES / sizeof(*word); i++)
        __asm__ volatile("movnti %1, %0" : "=m"(word[i]) : "r"(value[i]));
}

static bool has_room(struct trace_ring *ring)
{
    if (ring->written + TRACE_BLOCK - ring->read_known > (uint64_t)ring->mask + 1)
        ring->read_known = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE);
    return ring->written + TRACE_BLOCK - ring->read_known <= (uint64_t)ring->mask + 1;
}

/* The next block begins with how many events are missing. */
static void lose_block(struct trace_ring *ring)
{
    uint64_t time = ring->block[TRACE_BLOCK - 1].time;
    ring->lost += TRACE_BLOCK - (ring->lost > 0);
    __atomic_store_n(&ring->filled, 0, __ATOMIC_RELEASE);
    ring->block[0] = (struct trace_event){ .time = time, .object = ring->lost, .type = TRACE_LOST };
    __atomic_store_n(&ring->filled, 1, __ATOMIC_RELEASE);
}

static NOINLINE void put_block(struct trace_ring *ring)
{
    char *to = (char *)&ring->events[ring->written & ring->mask];
    const char *from = (const char *)ring->block;
    if (!has_room(ring)) {
        lose_block(ring);
        return;
    }
    for (size_t i = 0; i < sizeof(ring->block); i += CACHE_BYTES)
        store_line(to + i, from + i);
    __asm__ volatile("sfence" : : : "memory");
    ring->lost = 0;
    /* In this order: for `take_rest`, a full block is one that is on its way. */
    __atomic_store_n(&ring->written, ring->written + TRACE_BLOCK, __ATOMIC_RELEASE);
    __atomic_store_n(&ring->filled, 0, __ATOMIC_RELEASE);
}

static inline void put_only(struct trace_ring *ring, const struct trace_event event)
{
    uint32_t at = ring->filled;
    ring->block[at] = event;
    __atomic_store_n(&ring->filled, at + 1, __ATOMIC_RELEASE);
    if (unlikely(at + 1 == TRACE_BLOCK))
        put_block(ring);
}

static NOINLINE void put_run(struct trace_ring *ring)
{
    ring->run_due = false;
    put_only(ring, (struct trace_event){
                       .time = ring->run.time, .thread = ring->run.thread, .type = TRACE_RUN });
}

static inline void put(struct trace_ring *ring, const struct trace_event event)
{
    if (unlikely(ring->run_due))
        put_run(ring);
    put_only(ring, event);
}

void trace_put(struct trace_ring *ring, const struct trace_event *event)
{
    put(ring, *event);
}

/* The monitor. */

/* A descriptor of the ring's memory, new at every start: who read the last trace does not see this
 * one. Mapped over the old, so that there always is one to write to. */
static int make_ring(struct trace_ring *ring)
{
    int fd = (int)sys2(__NR_memfd_create, "coroshim-trace", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    long at;
    if (fd < 0)
        return -ENOMEM;
    at = sys2(__NR_ftruncate, fd, RING_BYTES);
    if (!sys_is_error(at))
        at = sys3(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL);
    if (!sys_is_error(at))
        at = sys6(__NR_mmap, (long)ring->events, RING_BYTES, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_POPULATE | (ring->events ? MAP_FIXED : 0), fd, 0);
    if (sys_is_error(at)) {
        sys1(__NR_close, fd);
        return -ENOMEM;
    }
    ring->events = (struct trace_event *)at;
    ring->mask = TRACE_EVENTS - 1;
    return fd;
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
    struct trace_ring *ring = &carrier->trace;
    int fd;
    if (carrier->watch.trace)
        return -EBUSY;
    fd = make_ring(ring);
    if (fd < 0)
        return fd;
    stalls.count = 0;
    ring->lost = 0;
    ring->run_due = ring->rest_taken = false;
    __atomic_store_n(&ring->read, ring->written, __ATOMIC_RELEASE);
    ring->serial++;
    ring->tsc = counter_is_a_clock();
    ring->began = trace_now();
    __atomic_store_n(&carrier->watch.trace, 1, __ATOMIC_RELEASE);
    return fd;
}

void trace_stop(void)
{
    struct carrier *carrier = &runtime.carrier;
    __atomic_store_n(&carrier->watch.trace, 0, __ATOMIC_RELEASE);
}

uint64_t trace_written(void)
{
    return __atomic_load_n(&runtime.carrier.trace.written, __ATOMIC_ACQUIRE);
}

/* What the last block holds of this trace. False when the carrier, in an event that it had begun
 * before the end, puts the block into the ring meanwhile. */
static bool take_rest(struct trace_ring *ring, struct trace_event *out, uint32_t *count)
{
    uint64_t written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
    uint32_t filled = __atomic_load_n(&ring->filled, __ATOMIC_ACQUIRE), taken = 0;
    for (uint32_t i = 0; i < filled; i++)
        if (ring->block[i].time >= ring->began)
            out[taken++] = ring->block[i];
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (filled == TRACE_BLOCK || written != ring->written || filled > ring->filled)
        return false;
    *count += taken;
    ring->rest_taken = true;
    return true;
}

struct trace_progress trace_read(uint64_t taken, struct trace_event *out)
{
    struct trace_ring *ring = &runtime.carrier.trace;
    struct trace_progress progress = { .written = trace_written(), .count = stalls.count };
    memcpy(out, stalls.events, stalls.count * sizeof(*out));
    stalls.count = 0;
    if (taken - ring->read <= progress.written - ring->read)
        __atomic_store_n(&ring->read, taken, __ATOMIC_RELEASE);
    if (runtime.carrier.watch.trace || ring->rest_taken || !ring->events)
        return progress;
    progress.more =
        ring->read != progress.written || !take_rest(ring, out + progress.count, &progress.count);
    return progress;
}

void trace_stall(uint64_t thread, uint64_t held_ns)
{
    if (runtime.carrier.watch.trace && stalls.count < TRACE_STALLS)
        stalls.events[stalls.count++] = (struct trace_event){
            .time = trace_now(), .thread = thread, .object = held_ns, .type = TRACE_STALL
        };
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

/* Who resumes in a call that a trace shows comes to its end at once, and one event tells of both. */
void trace_run(struct carrier *carrier, const struct co *co)
{
    struct trace_ring *ring = &carrier->trace;
    bool direct = carrier->current && ring->fresh;
    uint64_t time = direct ? ring->stamp : stamp(ring);
    ring->fresh = false;
    ring->resumed = true;
    if (ring->run_due)
        put_run(ring);
    ring->run.time = time;
    ring->run.thread = co->id;
    ring->run_due = true;
    if (!co->traced_wait || marked_call(ring, co) == CALLS)
        put_run(ring);
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
    event.kind = ring->run_due ? TRACE_RESUMED : 0;
    ring->run_due = false;
    put_only(ring, event);
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
        pages_unmap(carrier->trace.events, RING_BYTES);
    carrier->trace = (struct trace_ring){ .events = NULL };
    stalls.count = 0;
}
