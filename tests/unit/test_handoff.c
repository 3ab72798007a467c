/* Hand-off: who is stuck in a call loses the carrier, and its result comes back. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "runtime/handoff.h"
#include "runtime/offload.h"
#include "tests/unit/harness.h"

#define ROUNDS 300

static int ends[2];
static long result;
static pid_t reader_began, writer_ran;
static volatile bool watching;
static volatile unsigned taken;

static uint64_t call_now(void)
{
    const struct kthread *thread = __atomic_load_n(&runtime.carrier.thread, __ATOMIC_SEQ_CST);
    return runtime.carrier.moving ? CALL_NONE : thread->call;
}

/* What the monitor does, without its patience. */
static void *watch(void *unused)
{
    while (watching) {
        uint64_t call = call_now();
        if (call >= CALL_FIRST)
            taken += handoff_begin(&runtime.carrier, call);
    }
    return unused;
}

static void reads(void *unused)
{
    char byte;
    (void)unused;
    reader_began = gettid();
    result = handoff_call(__NR_read, (const long[6]){ ends[0], (long)&byte, 1 });
}

static void writes(void *unused)
{
    (void)unused;
    writer_ran = gettid();
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
}

/* The kernel threads that run us have no TLS: each coroutine brings the test's along. */
static void spawn(void (*fn)(void *))
{
    harness_spawn(fn, NULL)->fs_base = this_co()->fs_base;
}

static void set_up(void)
{
    harness_start(&poll_epoll);
    this_co()->fs_base = fs_base_get(&runtime.cpu);
    ck_assert(handoff_prepare());
    ck_assert_int_eq(pipe(ends), 0);
    offload_want_spare();
    usleep(50000);
}

static pthread_t start_watch(void)
{
    pthread_t watcher;
    watching = true;
    ck_assert_int_eq(pthread_create(&watcher, NULL, watch, NULL), 0);
    return watcher;
}

START_TEST(others_run_on_a_spare_kernel_thread_while_a_call_is_stuck)
{
    set_up();
    start_watch();
    spawn(reads);
    spawn(writes);
    harness_join();
    ck_assert_int_eq(result, 1);
    ck_assert_int_ne(writer_ran, reader_began);
    ck_assert_int_ge(taken, 1);
    watching = false;
}
END_TEST

START_TEST(a_call_that_is_over_is_not_taken)
{
    set_up();
    ck_assert_int_eq(handoff_call(__NR_getpid, (const long[6]){ 0 }), getpid());
    uint64_t over = runtime.carrier.calls - 1 + CALL_FIRST;
    ck_assert(!handoff_begin(&runtime.carrier, over));
    struct kthread *spare = offload_take_spare();
    ck_assert_ptr_nonnull(spare);
    offload_return_spare(spare);
}
END_TEST

START_TEST(without_a_spare_one_nothing_is_taken)
{
    harness_start(&poll_epoll);
    ck_assert(handoff_prepare());
    ck_assert(!handoff_begin(&runtime.carrier, CALL_FIRST));
    ck_assert_int_eq(handoff_call(__NR_close, (const long[6]){ -1 }), -EBADF);
}
END_TEST

/* The result comes before, while and after the carrier is taken. */
START_TEST(results_come_back_whenever_the_carrier_is_taken)
{
    set_up();
    start_watch();
    for (int i = 0; i < ROUNDS; i++) {
        result = 0;
        if (i % 3 == 0)
            spawn(writes);
        spawn(reads);
        if (i % 3)
            spawn(writes);
        harness_join();
        ck_assert_int_eq(result, 1);
    }
    ck_assert_int_ge(taken, ROUNDS / 3);
    watching = false;
}
END_TEST

int main(void)
{
    RUN_TESTS("handoff", others_run_on_a_spare_kernel_thread_while_a_call_is_stuck,
              a_call_that_is_over_is_not_taken, without_a_spare_one_nothing_is_taken,
              results_come_back_whenever_the_carrier_is_taken);
}
