/* The trace: the ring alone, with a reader on another kernel thread, and the events of coroutines. */
#include "runtime/trace.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/harness.h"

#define RING     64
#define MANY     1000000
#define EVENTS   10000
#define READ_MAX (EVENTS + TRACE_STALLS)

static struct trace_event storage[RING], events[READ_MAX];

static struct trace_ring new_ring(void)
{
    return (struct trace_ring){ .events = storage, .mask = RING - 1 };
}

static void put(struct trace_ring *ring, uint64_t number)
{
    const struct trace_event event = { .time = number, .thread = 1, .type = TRACE_RUN };

    trace_put(ring, &event);
}

START_TEST(events_come_out_as_they_went_in)
{
    struct trace_ring ring = new_ring();
    uint64_t in = 0, out = 0;

    for (int turn = 0; turn < 1000; turn++) {
        for (int i = 0; i < turn % (RING + 1); i++)
            put(&ring, ++in);
        while (out < in) {
            size_t count = trace_take(&ring, events, 7);

            must(count > 0 && count <= 7);
            for (size_t i = 0; i < count; i++)
                must(events[i].time == ++out);
        }
        must(trace_take(&ring, events, 7) == 0);
    }
}
END_TEST

START_TEST(what_finds_no_room_is_counted)
{
    struct trace_ring ring = new_ring();

    for (uint64_t i = 1; i <= RING + 10; i++)
        put(&ring, i);
    ck_assert_uint_eq(trace_take(&ring, events, 1), 1);
    put(&ring, 100); /* room for one is none for two */
    ck_assert_uint_eq(trace_take(&ring, events, 1), 1);
    put(&ring, 101);
    ck_assert_uint_eq(trace_take(&ring, events, EVENTS), RING);
    ck_assert_uint_eq(events[RING - 3].time, RING);
    ck_assert_uint_eq(events[RING - 2].type, TRACE_LOST);
    ck_assert_uint_eq(events[RING - 2].object, 11);
    ck_assert_uint_eq(events[RING - 1].time, 101);
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
    struct trace_ring ring = new_ring();
    uint64_t next = 1;
    pthread_t writer;

    pthread_create(&writer, NULL, put_many, &ring);
    for (bool last = false; !last;) {
        size_t count = trace_take(&ring, events, 32);

        last = count == 0 && pthread_tryjoin_np(writer, NULL) == 0;
        count += last ? trace_take(&ring, events, EVENTS) : 0;
        for (size_t i = 0; i < count; i++) {
            if (events[i].type == TRACE_LOST)
                next += events[i].object;
            else
                must(events[i].time == next++);
        }
    }
    ck_assert_uint_eq(next + ring.lost, MANY + 1);
}
END_TEST

static size_t read_all(void)
{
    size_t count = 0;
    bool more = true;

    while (more && count + TRACE_STALLS + 2 < READ_MAX)
        count += trace_read(events + count, READ_MAX - count, &more);
    ck_assert(!more);
    for (size_t i = 1; i < count; i++)
        must(events[i - 1].time <= events[i].time);
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
    ck_assert_int_eq(trace_start(), 0);
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
    ck_assert_uint_eq(trace_read(events, READ_MAX, &more), 0);
    ck_assert_int_eq(trace_start(), 0);
    ck_assert_int_eq(trace_start(), -EBUSY);
    sched_yield_polling();
    trace_stop();
    ck_assert_uint_eq(count_of(read_all(), TRACE_YIELD, 1), 1);
    sched_yield_polling();
    trace_stall(1, 1000);
    ck_assert_uint_eq(read_all(), 0);
    ck_assert_int_eq(trace_start(), 0);
    ck_assert_uint_eq(read_all(), 0);
}
END_TEST

START_TEST(what_is_lost_at_the_end_is_told_at_the_end)
{
    uint64_t lost = 0, kept = 0;
    size_t count;
    bool more = true;

    harness_start(harness_backend(_i));
    trace_start();
    for (int i = 0; i < 200000; i++)
        trace_preempt(&runtime.carrier, this_co(), 1);
    trace_stop();
    while (more) {
        count = trace_read(events, READ_MAX, &more);
        kept += count_of(count, TRACE_PREEMPT, 1);
        if (count_of(count, TRACE_LOST, 0))
            lost += find(count, TRACE_LOST, 0)->object;
    }
    ck_assert_uint_gt(lost, 0);
    ck_assert_uint_eq(kept + lost, 200000);
    trace_start();
    trace_stop();
    ck_assert_uint_eq(read_all(), 0);
}
END_TEST

/* One that began in another trace, or in none, has no end in this. */
START_TEST(a_call_is_told_at_its_end_and_where_it_parks)
{
    struct carrier *carrier = &runtime.carrier;

    harness_start(harness_backend(_i));
    trace_start();
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
    trace_start();
    trace_return(carrier, this_co(), 1);
    trace_return(carrier, this_co(), 1);
    ck_assert_uint_eq(read_all(), 0);
}
END_TEST

START_TEST(stalls_lie_where_they_belong)
{
    size_t count;

    harness_start(harness_backend(_i));
    trace_start();
    sched_yield_polling();
    trace_stall(1, 1000);
    sched_yield_polling();
    for (unsigned i = 0; i < 2 * TRACE_STALLS; i++)
        trace_stall(1, i);
    count = read_all();
    ck_assert_uint_eq(count_of(count, TRACE_STALL, 1), TRACE_STALLS);
    ck_assert_uint_eq(find(count, TRACE_STALL, 1)->object, 1000);
    ck_assert(find(count, TRACE_STALL, 1) > find(count, TRACE_RUN, 1));
    ck_assert_uint_ne(events[count - TRACE_STALLS].type, TRACE_STALL);
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE("trace", events_come_out_as_they_went_in, what_finds_no_room_is_counted,
                    a_slow_reader_knows_how_many_it_missed, a_thread_s_life_is_told,
                    nothing_is_told_when_the_trace_is_off,
                    what_is_lost_at_the_end_is_told_at_the_end,
                    a_call_is_told_at_its_end_and_where_it_parks, stalls_lie_where_they_belong);
}
