/* The trace: the ring alone, with a reader on another kernel thread, and the events of coroutines. */
#include "runtime/trace.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/harness.h"

#define RING     (4 * TRACE_BLOCK)
#define MANY     1000000
#define EVENTS   10000
#define READ_MAX (2 * EVENTS + TRACE_STALLS + TRACE_BLOCK)

static _Alignas(CACHE_BYTES) struct trace_event storage[RING], events[READ_MAX];

static void begin_ring(struct trace_ring *ring)
{
    *ring = (struct trace_ring){ .events = storage, .mask = RING - 1 };
}

static void put(struct trace_ring *ring, uint64_t number)
{
    const struct trace_event event = { .time = number, .thread = 1, .type = TRACE_RUN };

    trace_put(ring, &event);
}

/* What a reader with the shared memory does. */
static size_t take(struct trace_ring *ring, struct trace_event *out, size_t max)
{
    uint64_t read = ring->read, written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
    size_t count = 0;

    while (count < max && read < written)
        out[count++] = ring->events[read++ & ring->mask];
    __atomic_store_n(&ring->read, read, __ATOMIC_RELEASE);
    return count;
}

START_TEST(events_come_out_as_they_went_in)
{
    static struct trace_ring ring;
    uint64_t in = 0, out = 0;

    begin_ring(&ring);
    for (int turn = 0; turn < 1000; turn++) {
        for (unsigned i = 0; i < (unsigned)turn % (RING - TRACE_BLOCK); i++)
            put(&ring, ++in);
        while (out < in / TRACE_BLOCK * TRACE_BLOCK) {
            size_t count = take(&ring, events, 7);

            must(count > 0 && count <= 7);
            for (size_t i = 0; i < count; i++)
                must(events[i].time == ++out);
        }
        must(take(&ring, events, 7) == 0);
        must(ring.filled == in - out && ring.lost == 0);
    }
}
END_TEST

START_TEST(what_finds_no_room_is_counted)
{
    static struct trace_ring ring;

    begin_ring(&ring);
    for (uint64_t i = 1; i <= RING + TRACE_BLOCK; i++)
        put(&ring, i);
    ck_assert_uint_eq(take(&ring, events, TRACE_BLOCK - 1), TRACE_BLOCK - 1);
    for (uint64_t i = 1; i < TRACE_BLOCK; i++)
        put(&ring, 1000 + i); /* room for almost a block is none for one */
    ck_assert_uint_eq(take(&ring, events, 1), 1);
    for (uint64_t i = 1; i < TRACE_BLOCK; i++)
        put(&ring, 2000 + i);
    ck_assert_uint_eq(take(&ring, events, EVENTS), RING);
    ck_assert_uint_eq(events[RING - TRACE_BLOCK - 1].time, RING);
    ck_assert_uint_eq(events[RING - TRACE_BLOCK].type, TRACE_LOST);
    ck_assert_uint_eq(events[RING - TRACE_BLOCK].object, 2 * TRACE_BLOCK - 1);
    ck_assert_uint_eq(events[RING - TRACE_BLOCK].time, 1000 + TRACE_BLOCK - 1);
    ck_assert_uint_eq(events[RING - 1].time, 2000 + TRACE_BLOCK - 1);
    ck_assert_uint_eq(ring.lost, 0);
}
END_TEST

static void *put_many(void *ring)
{
    for (uint64_t i = 1; i <= MANY; i++)
        put(ring, i);
    return NULL;
}

/* The numbers that are missing are those that were said to be lost. */
START_TEST(a_slow_reader_knows_how_many_it_missed)
{
    static struct trace_ring ring;
    uint64_t next = 1;
    pthread_t writer;

    begin_ring(&ring);
    pthread_create(&writer, NULL, put_many, &ring);
    for (bool last = false; !last;) {
        size_t count = take(&ring, events, 32);

        last = count == 0 && pthread_tryjoin_np(writer, NULL) == 0;
        if (last) {
            count = take(&ring, events, EVENTS);
            memcpy(events + count, ring.block, ring.filled * sizeof(*events));
            count += ring.filled;
        }
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == TRACE_LOST)
                next += events[i].object;
            else
                must(events[i].time == next++);
        }
    }
    ck_assert_uint_eq(next, MANY + 1);
}
END_TEST

static uint64_t taken; /* by read_some, since trace_start */

static void start_trace(void)
{
    int fd = trace_start();

    ck_assert_int_ge(fd, 0);
    close(fd);
    taken = trace_written();
}

/* In the order in which they come: stalls last. */
static size_t read_some(struct trace_event *out, size_t max, bool *more)
{
    struct trace_event others[TRACE_STALLS + TRACE_BLOCK];
    struct trace_ring *ring = &runtime.carrier.trace;
    struct trace_progress progress = trace_read(taken, others);
    size_t count = 0;

    for (; taken < progress.written && count + ARRAY_SIZE(others) < max; taken++)
        if (ring->events[taken & ring->mask].time >= ring->began)
            out[count++] = ring->events[taken & ring->mask];
    *more = progress.more;
    memcpy(out + count, others, progress.count * sizeof(*out));
    return count + progress.count;
}

/* Ends the trace. */
static size_t read_all(void)
{
    size_t count = 0;
    bool more = true;

    trace_stop();
    while (more && count + TRACE_STALLS + TRACE_BLOCK < READ_MAX)
        count += read_some(events + count, READ_MAX - count, &more);
    ck_assert(!more);
    return count;
}

static unsigned count_of(size_t count, enum trace_type type, uint64_t thread)
{
    unsigned found = 0;

    for (size_t i = 0; i < count; i++)
        found += events[i].type == type && (thread == 0 || events[i].thread == thread);
    return found;
}

static const struct trace_event *find(size_t count, enum trace_type type, uint64_t thread)
{
    for (size_t i = 0; i < count; i++)
        if (events[i].type == type && events[i].thread == thread)
            return &events[i];
    ck_abort_msg("no event %d of thread %lu", type, thread);
    return NULL;
}

static void park(void *argument)
{
    (void)argument;
    text_copy(this_co()->name, "fifteen letters", sizeof(this_co()->name));
    co_waits(this_co(), (struct co_wait){ .kind = WAIT_MUTEX, .addr = 0x1234, .tid = 7 });
    sched_park(DEADLINE_NEVER);
}

START_TEST(a_thread_s_life_is_told)
{
    size_t count;

    harness_start(harness_backend(_i));
    start_trace();
    struct co *co = harness_spawn(park, NULL);
    uint64_t id = co->id;
    sched_yield_co();
    sched_wake(co, -5);
    harness_join();
    count = read_all();
    ck_assert_uint_eq(find(count, TRACE_CREATE, id)->thread, id);
    ck_assert_uint_eq(find(count, TRACE_YIELD, 1)->thread, 1);
    ck_assert_uint_eq(find(count, TRACE_PARK, id)->kind, WAIT_MUTEX);
    ck_assert_uint_eq(find(count, TRACE_PARK, id)->object, 0x1234);
    ck_assert_int_eq(find(count, TRACE_PARK, id)->value, 7);
    ck_assert_uint_eq(find(count, TRACE_WAKE, id)->object, 1);
    ck_assert_int_eq(find(count, TRACE_WAKE, id)->value, -5);
    ck_assert_uint_eq(count_of(count, TRACE_RUN, id), 2);
    ck_assert_int_eq(strncmp(find(count, TRACE_NAME, id)->name, "fifteen letters", 15), 0);
    ck_assert(find(count, TRACE_NAME, id) < find(count, TRACE_EXIT, id));
    ck_assert_uint_eq(find(count, TRACE_WAKE, 1)->object, 0); /* the loop, for harness_join */
}
END_TEST

START_TEST(nothing_is_told_when_the_trace_is_off)
{
    bool more;

    harness_start(harness_backend(_i));
    ck_assert_uint_eq(read_some(events, READ_MAX, &more), 0);
    start_trace();
    ck_assert_int_eq(trace_start(), -EBUSY);
    sched_yield_polling();
    trace_stop();
    ck_assert_uint_eq(count_of(read_all(), TRACE_YIELD, 1), 1);
    sched_yield_polling();
    trace_stall(1, 1000);
    ck_assert_uint_eq(read_all(), 0);
    start_trace();
    ck_assert_uint_eq(read_all(), 0);
}
END_TEST

START_TEST(what_is_lost_at_the_end_is_told_at_the_end)
{
    uint64_t lost = 0, kept = 0;
    size_t count;
    bool more = true;

    harness_start(harness_backend(_i));
    start_trace();
    for (int i = 0; i < 2 * (int)TRACE_EVENTS; i++)
        trace_preempt(&runtime.carrier, this_co(), 1);
    trace_stop();
    while (more) {
        count = read_some(events, READ_MAX, &more);
        kept += count_of(count, TRACE_PREEMPT, 1);
        if (count_of(count, TRACE_LOST, 0))
            lost += find(count, TRACE_LOST, 0)->object;
    }
    ck_assert_uint_gt(lost, 0);
    ck_assert_uint_eq(kept + lost, 2 * TRACE_EVENTS);
    start_trace();
    trace_stop();
    ck_assert_uint_eq(read_all(), 0);
}
END_TEST

/* A start makes new memory, which who read the last trace does not see. */
START_TEST(a_second_trace_has_memory_of_its_own)
{
    struct trace_event seen;
    int first, second;

    harness_start(harness_backend(_i));
    first = trace_start();
    trace_stop();
    second = trace_start();
    taken = trace_written();
    for (unsigned i = 0; i < TRACE_BLOCK; i++)
        trace_preempt(&runtime.carrier, this_co(), 1);
    ck_assert_uint_ge(trace_written(), taken + TRACE_BLOCK);
    off_t at = (off_t)((taken % TRACE_EVENTS) * sizeof(seen));
    ck_assert_int_eq(pread(first, &seen, sizeof(seen), at), sizeof(seen));
    ck_assert_uint_eq(seen.type, 0);
    ck_assert_int_eq(pread(second, &seen, sizeof(seen), at), sizeof(seen));
    ck_assert_uint_eq(seen.type, TRACE_PREEMPT);
    ck_assert_int_eq(ftruncate(second, 0), -1); /* it cannot be taken from under the carrier */
    close(first);
    close(second);
}
END_TEST

/* One that began in another trace, or in none, has no end in this. */
START_TEST(a_call_is_told_at_its_end_and_where_it_parks)
{
    struct carrier *carrier = &runtime.carrier;

    harness_start(harness_backend(_i));
    start_trace();
    trace_call(carrier, this_co(), __NR_read, 5);
    trace_return(carrier, this_co(), 1);
    trace_call(carrier, this_co(), __NR_futex, 0); /* not shown */
    trace_park(carrier, this_co());
    trace_return(carrier, this_co(), 0);
    trace_call(carrier, this_co(), __NR_write, 6);
    trace_park(carrier, this_co());
    ck_assert_uint_eq(read_all(), 3);
    ck_assert_uint_eq(events[0].type, TRACE_RETURN);
    ck_assert_uint_eq(events[0].nr, __NR_read);
    ck_assert_int_eq(events[0].value, 5);
    ck_assert_uint_eq(events[0].object, 1);
    ck_assert_uint_eq(events[1].type, TRACE_PARK);
    ck_assert_uint_eq(events[1].kind & TRACE_IN_CALL, 0);
    ck_assert_uint_eq(events[2].kind & TRACE_IN_CALL, TRACE_IN_CALL);
    ck_assert_uint_eq(events[2].nr, __NR_write);
    trace_stop();
    start_trace();
    trace_return(carrier, this_co(), 1);
    trace_return(carrier, this_co(), 1);
    ck_assert_uint_eq(read_all(), 0);
}
END_TEST

static void reads(void *unused)
{
    (void)unused;
    trace_call(&runtime.carrier, this_co(), __NR_read, 5);
    sched_park(DEADLINE_NEVER);
    sched_park(DEADLINE_NEVER);
    trace_return(&runtime.carrier, this_co(), 1);
}

/* Who is woken in a call and returns from it has one event for both; who parks again has two. */
START_TEST(a_run_and_the_return_that_follows_are_told_together)
{
    harness_start(harness_backend(_i));
    start_trace();
    struct co *reader = harness_spawn(reads, NULL);
    uint64_t id = reader->id;
    sched_yield_co();
    sched_wake(reader, 0);
    sched_yield_co();
    sched_wake(reader, 0);
    harness_join();
    size_t count = read_all();
    const struct trace_event *end = find(count, TRACE_RETURN, id);
    ck_assert_uint_eq(end->kind, TRACE_RESUMED);
    ck_assert_uint_eq(end->object, 1);
    ck_assert_uint_eq(count_of(count, TRACE_PARK, id), 2);
    ck_assert_uint_eq(count_of(count, TRACE_RUN, id),
                      2); /* the first, and before the second park */
    ck_assert(find(count, TRACE_RUN, id) < find(count, TRACE_PARK, id));
}
END_TEST

START_TEST(stalls_have_a_time_among_the_rest)
{
    size_t count;

    harness_start(harness_backend(_i));
    start_trace();
    sched_yield_polling();
    trace_stall(1, 1000);
    sched_yield_polling();
    for (unsigned i = 0; i < 2 * TRACE_STALLS; i++)
        trace_stall(1, i);
    sched_yield_polling();
    count = read_all();
    ck_assert_uint_eq(count_of(count, TRACE_STALL, 1), TRACE_STALLS);
    ck_assert_uint_eq(find(count, TRACE_STALL, 1)->object, 1000);
    ck_assert_uint_gt(find(count, TRACE_STALL, 1)->time, find(count, TRACE_RUN, 1)->time);
    ck_assert_uint_ge(find(count, TRACE_STALL, 1)[1].time, find(count, TRACE_STALL, 1)->time);
    trace_stall(1, 1000); /* no trace is on */
    ck_assert_uint_eq(read_all(), 0);
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE(
        "trace", events_come_out_as_they_went_in, what_finds_no_room_is_counted,
        a_slow_reader_knows_how_many_it_missed, a_thread_s_life_is_told,
        nothing_is_told_when_the_trace_is_off, what_is_lost_at_the_end_is_told_at_the_end,
        a_second_trace_has_memory_of_its_own, a_call_is_told_at_its_end_and_where_it_parks,
        a_run_and_the_return_that_follows_are_told_together, stalls_have_a_time_among_the_rest);
}
