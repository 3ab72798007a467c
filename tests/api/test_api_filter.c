/* coro_wait_for. */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "threads.h"

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct coro_happening seen;

/* In a thread of its own: what it waits for, and how that ended. */
struct wait {
    uintptr_t ident;
    int filter;
    uint32_t fflags;
    double seconds;
    struct coro_happening happening;
    pthread_t thread;
    volatile int begun;
};

static void *wait_for(void *argument)
{
    struct wait *wait = argument;
    wait->begun = 1;
    return outcome(
        coro_wait_for(wait->ident, wait->filter, wait->fflags, wait->seconds, &wait->happening));
}

static void begin(struct wait *wait)
{
    wait->thread = start(wait_for, wait);
    wait_until(wait->begun);
    for (int i = 0; i < 5; i++)
        let_others_run();
}

static void *nothing(void *argument)
{
    return argument;
}

static void have_had_a_thread(void)
{
    end_of(start(nothing, NULL));
}

START_TEST(reads_tell_how_much_is_there)
{
    int pair[2];
    must(pipe(pair) == 0);
    must_fail(coro_wait_for(pair[0], CORO_READ, 0, SOON, &seen), ETIMEDOUT);
    struct wait wait = {
        .ident = (uintptr_t)pair[0], .filter = CORO_READ, .fflags = 0, .seconds = 10
    };
    begin(&wait);
    must(write(pair[1], "four", 4) == 4);
    ck_assert_int_eq(code(end_of(wait.thread)), 0);
    ck_assert_int_eq(wait.happening.data, 4);
    ck_assert_int_eq(wait.happening.filter, CORO_READ);
    ck_assert_uint_eq(wait.happening.ident, (uintptr_t)pair[0]);
    ck_assert_uint_eq(wait.happening.fflags, 0);
    char bytes[4];
    must(read(pair[0], bytes, 4) == 4);
    close(pair[1]);
    ck_assert_int_eq(coro_wait_for(pair[0], CORO_READ, 0, 10, &seen), 0);
    ck_assert_uint_eq(seen.fflags, CORO_NOTE_EOF);
}
END_TEST

START_TEST(writes_wait_for_room)
{
    static char block[1 << 20];
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    ck_assert_int_eq(coro_wait_for(pair[0], CORO_WRITE, 0, 0, &seen), 0);
    while (write(pair[0], block, sizeof(block)) > 0)
        ;
    must_fail(coro_wait_for(pair[0], CORO_WRITE, 0, SOON, NULL), ETIMEDOUT);
    struct wait wait = {
        .ident = (uintptr_t)pair[0], .filter = CORO_WRITE, .fflags = 0, .seconds = 10
    };
    begin(&wait);
    while (read(pair[1], block, sizeof(block)) > 0)
        ;
    ck_assert_int_eq(code(end_of(wait.thread)), 0);
    close(pair[1]);
    ck_assert_int_eq(coro_wait_for(pair[0], CORO_WRITE, 0, 10, &seen), 0);
    ck_assert_uint_eq(seen.fflags, CORO_NOTE_EOF);
}
END_TEST

START_TEST(a_second_waiter_is_an_error)
{
    int pair[2];
    must(pipe(pair) == 0);
    struct wait wait = {
        .ident = (uintptr_t)pair[0], .filter = CORO_READ, .fflags = 0, .seconds = 10
    };
    begin(&wait);
    must_fail(coro_wait_for(pair[0], CORO_READ, 0, 1, NULL), EBUSY);
    ck_assert_int_eq(coro_wait_for(pair[1], CORO_WRITE, 0, 1, NULL), 0);
    must(write(pair[1], "x", 1) == 1);
    end_of(wait.thread);
    ck_assert_int_eq(coro_wait_for(pair[0], CORO_READ, 0, 1, NULL), 0);
}
END_TEST

START_TEST(closing_ends_the_wait_also_when_the_number_is_used_again)
{
    int pair[2], other[2];
    if (is_way("native"))
        return; /* there the kernel goes on waiting */
    have_had_a_thread();
    for (int again = 0; again < 2; again++) {
        must(pipe(pair) == 0 && pipe(other) == 0);
        struct wait wait = {
            .ident = (uintptr_t)pair[0], .filter = CORO_READ, .fflags = 0, .seconds = 10
        };
        begin(&wait);
        if (again)
            must(dup2(other[0], pair[0]) == pair[0]);
        else
            close(pair[0]);
        ck_assert_int_eq(code(end_of(wait.thread)), EBADF);
    }
    must_fail(coro_wait_for(1000000, CORO_READ, 0, 1, NULL), EBADF);
    must_fail(coro_wait_for((uintptr_t)1 << 40, CORO_READ, 0, 1, NULL), EBADF);
}
END_TEST

START_TEST(a_plain_wait_beside_it_goes_on_when_closed)
{
    int pair[2];
    if (is_way("native"))
        return;
    have_had_a_thread();
    must(pipe(pair) == 0);
    struct wait wait = {
        .ident = (uintptr_t)pair[0], .filter = CORO_READ, .fflags = 0, .seconds = 10
    };
    begin(&wait);
    pthread_t reader;
    char *read_one(int *fd);
    reader = start((void *(*)(void *))read_one, &pair[0]);
    for (int i = 0; i < 5; i++)
        let_others_run();
    close(pair[0]);
    ck_assert_int_eq(code(end_of(wait.thread)), EBADF);
    must(write(pair[1], "z", 1) == 1);
    ck_assert_int_eq(code(end_of(reader)), 'z');
}
END_TEST

char *read_one(int *fd)
{
    char byte = 0;
    must(read(*fd, &byte, 1) == 1);
    return (char *)(intptr_t)byte;
}

START_TEST(timers_have_units)
{
    double began = now_seconds();
    ck_assert_int_eq(coro_wait_for(20, CORO_TIMER, 0, 10, &seen), 0);
    ck_assert(now_seconds() - began >= 0.02);
    ck_assert_int_ge(seen.data, 1);
    began = now_seconds();
    ck_assert_int_eq(coro_wait_for(20000, CORO_TIMER, CORO_NOTE_USECONDS, 10, &seen), 0);
    ck_assert_int_eq(coro_wait_for(20000000, CORO_TIMER, CORO_NOTE_NSECONDS, 10, &seen), 0);
    ck_assert(now_seconds() - began >= 0.04);
    ck_assert_int_eq(coro_wait_for(0, CORO_TIMER, CORO_NOTE_SECONDS, 10, &seen), 0);
    must_fail(coro_wait_for(100, CORO_TIMER, CORO_NOTE_SECONDS, SOON, &seen), ETIMEDOUT);
    must_fail(coro_wait_for(1, CORO_TIMER, 64, 1, &seen), EINVAL);
    must_fail(coro_wait_for(UINTPTR_MAX, CORO_TIMER, 0, 1, &seen), EINVAL);
}
END_TEST

START_TEST(timers_are_not_exclusive)
{
    struct wait one = { .ident = (uintptr_t)30, .filter = CORO_TIMER, .fflags = 0, .seconds = 10 },
                two = one;
    begin(&one);
    begin(&two);
    ck_assert_int_eq(code(end_of(one.thread)), 0);
    ck_assert_int_eq(code(end_of(two.thread)), 0);
}
END_TEST

START_TEST(a_process_ends)
{
    pid_t child = fork();
    int status;
    if (!child) {
        usleep(20000);
        _exit(7);
    }
    ck_assert_int_eq(coro_wait_for((uintptr_t)child, CORO_PROC, CORO_NOTE_EXIT, 10, &seen), 0);
    ck_assert(WIFEXITED((int)seen.data) && WEXITSTATUS((int)seen.data) == 7);
    ck_assert_uint_eq(seen.fflags, CORO_NOTE_EXIT);
    ck_assert_int_eq(waitpid(child, &status, 0), child); /* still to be waited for */
    must_fail(coro_wait_for((uintptr_t)child, CORO_PROC, 0, 1, NULL), ESRCH);
    must_fail(coro_wait_for((uintptr_t)getpid(), CORO_PROC, 0, SOON, NULL), ETIMEDOUT);
    must_fail(coro_wait_for((uintptr_t)getpid(), CORO_PROC, 2, SOON, NULL), EINVAL);
    child = fork();
    if (!child)
        for (;;)
            pause();
    struct wait wait = {
        .ident = (uintptr_t)child, .filter = CORO_PROC, .fflags = 0, .seconds = 10
    };
    begin(&wait);
    kill(child, SIGKILL);
    ck_assert_int_eq(code(end_of(wait.thread)), 0);
    ck_assert(WIFSIGNALED((int)wait.happening.data) &&
              WTERMSIG((int)wait.happening.data) == SIGKILL);
    waitpid(child, &status, 0);
}
END_TEST

static volatile int handled;

static void handler(int number)
{
    handled = number;
}

START_TEST(signals_are_counted_and_their_handlers_run)
{
    struct sigaction action;
    struct wait wait = {
        .ident = (uintptr_t)SIGUSR1, .filter = CORO_SIGNAL, .fflags = 0, .seconds = 10
    };
    begin(&wait); /* the default action would end the process */
    kill(getpid(), SIGUSR1);
    ck_assert_int_eq(code(end_of(wait.thread)), 0);
    ck_assert_int_eq(wait.happening.data, 1);
    sigaction(SIGUSR1, NULL, &action);
    ck_assert(action.sa_handler == SIG_DFL);
    signal(SIGUSR2, handler);
    wait = (struct wait){
        .ident = (uintptr_t)SIGUSR2, .filter = CORO_SIGNAL, .fflags = 0, .seconds = 10
    };
    begin(&wait);
    kill(getpid(), SIGUSR2);
    ck_assert_int_eq(code(end_of(wait.thread)), 0);
    ck_assert_int_eq(handled, SIGUSR2);
    sigaction(SIGUSR2, NULL, &action);
    ck_assert(action.sa_handler == handler);
    must_fail(coro_wait_for(SIGUSR2, CORO_SIGNAL, 0, SOON, NULL), ETIMEDOUT);
    must_fail(coro_wait_for(SIGKILL, CORO_SIGNAL, 0, SOON, NULL), EINVAL);
    must_fail(coro_wait_for(0, CORO_SIGNAL, 0, SOON, NULL), EINVAL);
    must_fail(coro_wait_for(1000, CORO_SIGNAL, 0, SOON, NULL), EINVAL);
    must_fail(coro_wait_for(SIGUSR1, CORO_SIGNAL, 1, SOON, NULL), EINVAL);
}
END_TEST

static void change(int what, const char *path, const char *other)
{
    int fd;
    switch (what) {
    case CORO_NOTE_EXTEND:
        fd = open(path, O_WRONLY | O_APPEND);
        must(write(fd, "more", 4) == 4);
        close(fd);
        break;
    case CORO_NOTE_WRITE:
        fd = open(path, O_WRONLY);
        must(write(fd, "x", 1) == 1);
        close(fd);
        break;
    case CORO_NOTE_ATTRIB:
        must(chmod(path, 0640) == 0);
        break;
    case CORO_NOTE_LINK:
        must(link(path, other) == 0);
        break;
    case CORO_NOTE_RENAME:
        must(unlink(other) == 0 && rename(path, other) == 0 && link(other, path) == 0);
        break;
    default:
        must(unlink(other) == 0 && unlink(path) == 0);
    }
}

START_TEST(files_tell_what_happened_to_them)
{
    char path[] = "/tmp/coroshim-filter-XXXXXX", other[sizeof(path) + 2];
    int fd = mkstemp(path);
    static const uint32_t notes[] = { CORO_NOTE_EXTEND, CORO_NOTE_WRITE,  CORO_NOTE_ATTRIB,
                                      CORO_NOTE_LINK,   CORO_NOTE_RENAME, CORO_NOTE_DELETE };
    must(fd >= 0);
    snprintf(other, sizeof(other), "%s-2", path);
    for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
        struct wait wait = {
            .ident = (uintptr_t)fd, .filter = CORO_VNODE, .fflags = notes[i], .seconds = 10
        };
        begin(&wait);
        change((int)notes[i], path, other);
        ck_assert_int_eq(code(end_of(wait.thread)), 0);
        ck_assert_uint_eq(wait.happening.fflags, notes[i]);
    }
    must_fail(coro_wait_for((uintptr_t)fd, CORO_VNODE, 0, SOON, NULL), ETIMEDOUT);
    must_fail(coro_wait_for((uintptr_t)fd, CORO_VNODE, 1 << 10, SOON, NULL), EINVAL);
    must_fail(coro_wait_for(1000000, CORO_VNODE, 0, SOON, NULL), EBADF);
}
END_TEST

START_TEST(a_directory_is_written_when_names_come)
{
    char path[] = "/tmp/coroshim-filter-XXXXXX", name[sizeof(path) + 5];
    must(mkdtemp(path));
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    struct wait wait = { .ident = (uintptr_t)fd, .filter = CORO_VNODE, .fflags = 0, .seconds = 10 };
    snprintf(name, sizeof(name), "%s/new", path);
    begin(&wait);
    must(mkdir(name, 0700) == 0);
    ck_assert_int_eq(code(end_of(wait.thread)), 0);
    ck_assert(wait.happening.fflags & CORO_NOTE_WRITE);
    rmdir(name);
    rmdir(path);
}
END_TEST

START_TEST(the_programs_own_events)
{
    must_fail(coro_trigger(42, 1), ENOENT);
    must_fail(coro_wait_for(42, CORO_USER, 0, SOON, NULL), ETIMEDOUT);
    must_fail(coro_wait_for(42, CORO_USER, 1, SOON, NULL), EINVAL);
    struct wait wait = { .ident = (uintptr_t)42, .filter = CORO_USER, .fflags = 0, .seconds = 10 };
    begin(&wait);
    ck_assert_int_eq(coro_trigger(42, 5), 0);
    ck_assert_int_eq(code(end_of(wait.thread)), 0);
    ck_assert_uint_eq(wait.happening.fflags, 5);
    must_fail(coro_trigger(42, 1), ENOENT);
}
END_TEST

START_TEST(wrong_arguments)
{
    must_fail(coro_wait_for(0, 0, 0, 1, NULL), EINVAL);
    must_fail(coro_wait_for(0, 8, 0, 1, NULL), EINVAL);
    must_fail(coro_wait_for(0, CORO_READ, 1, 1, NULL), EINVAL);
    must_fail(coro_wait_for(0, CORO_TIMER, 0, NAN, NULL), EINVAL);
    must_fail(coro_set_handler(0, CORO_TIMER, 0, 0, NULL, NULL), EINVAL);
    must_fail(coro_clear_handler(0, CORO_READ), ENOENT);
}
END_TEST

START_TEST(a_cancelled_wait_leaves_the_name_free)
{
    static const int filters[] = { CORO_READ,   CORO_TIMER, CORO_PROC,
                                   CORO_SIGNAL, CORO_VNODE, CORO_USER };
    int pair[2];
    char path[] = "/tmp/coroshim-filter-XXXXXX";
    if (!CANCELS)
        return;
    must(pipe(pair) == 0);
    int file = mkstemp(path), before = dup(0);
    close(before);
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
        uintptr_t ident = filters[i] == CORO_READ     ? (uintptr_t)pair[0]
                          : filters[i] == CORO_PROC   ? (uintptr_t)getpid()
                          : filters[i] == CORO_SIGNAL ? SIGUSR1
                          : filters[i] == CORO_VNODE  ? (uintptr_t)file
                                                      : 1000000;
        for (int again = 0; again < 2; again++) {
            struct wait wait = {
                .ident = (uintptr_t)ident, .filter = filters[i], .fflags = 0, .seconds = 10
            };
            begin(&wait);
            pthread_cancel(wait.thread);
            ck_assert(end_of(wait.thread) == PTHREAD_CANCELED);
        }
    }
    int after = dup(0);
    ck_assert_int_eq(after, before); /* no descriptor is left */
    unlink(path);
}
END_TEST

int main(void)
{
    RUN_TESTS("filter", reads_tell_how_much_is_there, writes_wait_for_room,
              a_second_waiter_is_an_error, closing_ends_the_wait_also_when_the_number_is_used_again,
              a_plain_wait_beside_it_goes_on_when_closed, timers_have_units,
              timers_are_not_exclusive, a_process_ends, signals_are_counted_and_their_handlers_run,
              files_tell_what_happened_to_them, a_directory_is_written_when_names_come,
              the_programs_own_events, wrong_arguments, a_cancelled_wait_leaves_the_name_free);
}
