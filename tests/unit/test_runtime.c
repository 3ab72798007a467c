/* The runtime's life: start, identities, completions from other kernel threads, reset in
 * a child. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/fd.h"
#include "runtime/futex.h"
#include "tests/unit/harness.h"

START_TEST(start_makes_the_caller_the_main_coroutine)
{
    harness_start(harness_backend(_i));
    struct co *main_co = this_co();
    ck_assert_ptr_eq(main_co, runtime.main);
    ck_assert_ptr_eq(this_carrier(), &runtime.carrier);
    ck_assert(main_co->is_main);
    ck_assert_uint_eq(main_co->tid, getpid());
    ck_assert_uint_eq(main_co->id, 1);
    ck_assert_uint_eq(runtime.live, 1);
    ck_assert_uint_eq(runtime.mode, MODE_ACTIVE);
    ck_assert_uint_ne(runtime.carrier.kthread.in_runtime, 0);
    ck_assert_ptr_eq(co_by_tid((uint32_t)getpid()), main_co);
}
END_TEST

START_TEST(private_descriptors_are_high_and_known)
{
    harness_start(&poll_epoll);
    ck_assert_int_ge(runtime.wake_fd, fd_floor());
    ck_assert(fd_private(runtime.wake_fd));
    int private = 0;
    for (int fd = 3; fd < fd_floor(); fd++)
    private += fd_private(fd);
    ck_assert_int_eq(private, 0);
    ck_assert(!fd_private(-1));
}
END_TEST

START_TEST(tids_are_unique_and_never_the_kernels)
{
    enum { COUNT = 5000 };
    static struct co *co[COUNT];
    harness_start(harness_backend(_i));
    for (int i = 0; i < COUNT; i++) {
        co[i] = co_create();
        must(co[i] && co[i]->state == CO_NEW);
        must(co[i]->tid >= 1u << 22 && co[i]->tid < 1u << 30);
        must(co_by_tid(co[i]->tid) == co[i]);
        must(co[i]->id == (uint64_t)i + 2);
    }
    for (int i = 0; i < COUNT; i++)
        must(co_by_tid(co[i]->tid) == co[i]); /* nobody took another's */
    uint32_t tid = co[7]->tid;
    co_free(co[7]);
    ck_assert_ptr_null(co_by_tid(tid));
    ck_assert_uint_eq(runtime.live, COUNT);
}
END_TEST

START_TEST(a_freed_tid_is_not_taken_again_at_once)
{
    harness_start(harness_backend(_i));
    struct co *co = co_create();
    uint32_t tid = co->tid;
    co_free(co);
    co = co_create();
    ck_assert_uint_ne(co->tid, tid);
}
END_TEST

START_TEST(tids_wrap_around_and_skip_those_in_use)
{
    harness_start(harness_backend(_i));
    struct co *first = co_create();
    runtime.tid_next = TIDS_MAX - 2;
    for (int i = 0; i < 10; i++) {
        struct co *co = co_create();
        must(co && co->tid - runtime.tid_base < TIDS_MAX && co->tid != first->tid);
    }
}
END_TEST

START_TEST(few_coroutines_use_few_tids)
{
    harness_start(harness_backend(_i));
    for (uint32_t i = 0; i < 2 * TIDS_WINDOW; i++) {
        struct co *co = co_create();
        must(co && co->tid - runtime.tid_base < TIDS_WINDOW);
        co_free(co);
    }
}
END_TEST

START_TEST(unknown_tids_are_nobody)
{
    ck_assert_ptr_null(co_by_tid(1)); /* dormant */
    harness_start(harness_backend(_i));
    ck_assert_ptr_null(co_by_tid(0));
    ck_assert_ptr_null(co_by_tid(1));
    ck_assert_ptr_null(co_by_tid(runtime.tid_base));
    ck_assert_ptr_null(co_by_tid(UINT32_MAX));
}
END_TEST

/* ---- completions ---- */

#define POSTS 20000

static struct remote posts[POSTS];
static int arrived;

static void count(struct remote *remote)
{
    must(remote == &posts[arrived]);
    if (++arrived == POSTS)
        sched_wake(runtime.main, 0);
}

static void *post_all(void *argument)
{
    (void)argument;
    for (int i = 0; i < POSTS; i++) {
        posts[i].run = count;
        runtime_post(&posts[i]);
        if (i % 512 == 0)
            usleep(500); /* so that the carrier idles in between */
    }
    return NULL;
}

START_TEST(completions_arrive_in_order_and_wake_an_idle_carrier)
{
    pthread_t poster;
    harness_start(&poll_epoll);
    pthread_create(&poster, NULL, post_all, NULL);
    ck_assert_int_eq(sched_park(DEADLINE_NEVER), 0);
    ck_assert_int_eq(arrived, POSTS);
    pthread_join(poster, NULL);
}
END_TEST

static bool all_arrived;

static void keep_yielding(void *argument)
{
    (void)argument;
    while (!all_arrived)
        sched_yield_co();
}

START_TEST(completions_arrive_while_others_keep_the_carrier_busy)
{
    pthread_t poster;
    harness_start(&poll_epoll);
    harness_spawn(keep_yielding, NULL);
    harness_spawn(keep_yielding, NULL);
    pthread_create(&poster, NULL, post_all, NULL);
    ck_assert_int_eq(sched_park(DEADLINE_NEVER), 0);
    ck_assert_int_eq(arrived, POSTS);
    all_arrived = true;
    harness_join();
    pthread_join(poster, NULL);
}
END_TEST

/* ---- the child of a fork ---- */

static void park_for_ever(void *argument)
{
    (void)argument;
    sched_park(DEADLINE_NEVER);
}

static void wait_on_word(void *argument)
{
    futex_wait(argument, 0, FUTEX_ANY, harness_now_ns() + NSEC_PER_SEC);
}

static int child_of_fork(uint32_t *word)
{
    runtime_reset();
    must(runtime.mode == MODE_DORMANT);
    must(gs_base_get(&runtime.cpu) == 0);
    must(!futex_has_waiters(word));
    must(!co_by_tid((uint32_t)getppid()));
    harness_start(poll_set); /* its first thread */
    must(runtime.live == 1 && this_co()->tid == (uint32_t)getpid() && this_co()->id == 1);
    must(runtime.carrier.timers.count == 0 && runtime.carrier.run_queue_length == 0);
    must(futex_wake(word, 9, FUTEX_ANY) == 0);
    must(sched_park(harness_now_ns() + NSEC_PER_MSEC) == -ETIMEDOUT);
    return 0;
}

START_TEST(reset_leaves_one_coroutine_that_may_start_again)
{
    uint32_t word = 0;
    int status;
    harness_start(harness_backend(_i));
    for (int i = 0; i < 100; i++)
        harness_spawn(i % 2 ? park_for_ever : wait_on_word, &word);
    sched_yield_co();
    ck_assert_uint_eq(runtime.live, 101);
    pid_t pid = fork();
    if (pid == 0)
        _exit(child_of_fork(&word));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(runtime.live, 101); /* the parent's are untouched */
    ck_assert_int_eq(futex_wake(&word, 100, FUTEX_ANY), 50);
}
END_TEST

START_TEST(a_child_s_tids_differ_from_its_parents)
{
    int pair[2];
    uint32_t theirs = 0;
    harness_start(harness_backend(_i));
    ck_assert_int_eq(pipe(pair), 0);
    if (fork() == 0) {
        runtime_reset();
        harness_start(poll_set);
        uint32_t mine = co_create()->tid;
        _exit(write(pair[1], &mine, sizeof(mine)) != sizeof(mine));
    }
    ck_assert_int_eq(read(pair[0], &theirs, sizeof(theirs)), sizeof(theirs));
    ck_assert_uint_ne(theirs, co_create()->tid);
    wait(NULL);
}
END_TEST

int main(void)
{
    RUN_TESTS_TWICE("runtime", start_makes_the_caller_the_main_coroutine,
                    private_descriptors_are_high_and_known, tids_are_unique_and_never_the_kernels,
                    a_freed_tid_is_not_taken_again_at_once, tids_wrap_around_and_skip_those_in_use,
                    a_freed_tid_is_not_taken_again_at_once, few_coroutines_use_few_tids,
                    unknown_tids_are_nobody, completions_arrive_in_order_and_wake_an_idle_carrier,
                    completions_arrive_while_others_keep_the_carrier_busy,
                    reset_leaves_one_coroutine_that_may_start_again,
                    a_child_s_tids_differ_from_its_parents);
}
