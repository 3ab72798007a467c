/* Who runs when, hooks, and what threads are doing. */
#include "api.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>

/* Only there is the order ours to say. */
static bool in_order(void)
{
    return way_is("linked") || way_is("preloaded");
}

static void *nothing(void *argument)
{
    return argument;
}

START_TEST(is_running_once_there_was_a_thread)
{
    pthread_t thread;
    must(coro_is_running() == 0);
    must(pthread_create(&thread, NULL, nothing, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
    must(coro_is_running() == !way_is("native"));
}
END_TEST

static char order[16];

static void letters(const char *letter, int times)
{
    for (int i = 0; i < times; i++) {
        strncat(order, letter, 1);
        coro_yield();
    }
}

START_TEST(yield_lets_the_others_run_once)
{
    coro_spawn(NULL, letters, "v(pi)", "a", 3);
    coro_spawn(NULL, letters, "v(pi)", "b", 3);
    must(coro_join_children(CORO_FOREVER) == 0);
    if (in_order())
        ck_assert_str_eq(order, "ababab");
}
END_TEST

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go = PTHREAD_COND_INITIALIZER;
static int waiting, gone;

static void wait_and_say(const char *letter, int priority)
{
    must(coro_set_priority(0, (enum coro_priority)priority) == 0);
    pthread_mutex_lock(&lock);
    waiting++;
    while (!gone)
        pthread_cond_wait(&go, &lock);
    strncat(order, letter, 1);
    pthread_mutex_unlock(&lock);
}

static void say(const char *letter)
{
    strncat(order, letter, 1);
}

START_TEST(priorities_say_where_a_woken_thread_goes)
{
    if (way_is("native")) {
        fails(coro_set_priority(0, CORO_PRIORITY_FIRST), ENOSYS);
        fails(coro_set_selfishness(0, 5), ENOSYS);
        return;
    }
    coro_id last = coro_spawn(NULL, wait_and_say, "v(pi)", "L", CORO_PRIORITY_LAST);
    coro_id first = coro_spawn(NULL, wait_and_say, "v(pi)", "F", CORO_PRIORITY_FIRST);
    while (waiting < 2)
        usleep(1000);
    coro_spawn(NULL, say, "v(p)", "x"); /* can run already */
    pthread_mutex_lock(&lock);
    gone = 1;
    pthread_cond_broadcast(&go);
    pthread_mutex_unlock(&lock);
    must(coro_join_children(CORO_FOREVER) == 0);
    if (in_order())
        ck_assert_str_eq(order, "FxL");
    fails(coro_set_priority(first, CORO_PRIORITY_FIRST), ESRCH);
    fails(coro_set_priority(0, (enum coro_priority)5), EINVAL);
    (void)last;
}
END_TEST

START_TEST(selfishness_is_a_threads_own)
{
    struct coro_info info = { .size = sizeof(info) };
    if (way_is("native"))
        return;
    coro_spawn(NULL, say, "v(p)", "x");
    must(coro_set_selfishness(0, 77) == 0);
    must(coro_by_id(coro_current(), &info) == 0 && info.selfishness == 77);
    fails(coro_set_selfishness(0, 32769), EINVAL);
    fails(coro_set_selfishness(123456, 1), ESRCH);
    must(coro_set_selfishness(coro_current(), 0) == 0);
    must(coro_by_id(coro_current(), &info) == 0 && info.selfishness == 0);
}
END_TEST

static volatile coro_id slow;
static volatile int slow_ms;

static void note_slow(coro_id id, double seconds)
{
    slow_ms = (int)(seconds * 1000);
    slow = id;
}

static void spin(double seconds)
{
    for (double end = now_seconds() + seconds; now_seconds() < end;)
        ;
}

/* In a process of its own, without slices: those end a turn before it is too long. Not in a test of
 * Check's. Returns the status. */
static int latency_main(void)
{
    if (coro_set_latency_warning(0.25) < 0 || coro_set_latency_warning(0.25) != 0.25)
        return 1;
    if (coro_set_latency_warning(301) != -1 || errno != EINVAL)
        return 2;
    if (coro_set_latency_hook(note_slow) != 0)
        return 3;
    while (!slow) {
        coro_spawn("spinner", spin, "v(d)", 0.2);
        coro_join_children(CORO_FOREVER);
        usleep(10000);
    }
    if (slow_ms < 50)
        return 4;
    return coro_set_latency_hook(NULL) == 0 ? 0 : 5;
}

START_TEST(the_latency_hook_names_who_holds_the_others_up)
{
    int status;
    if (way_is("native")) {
        fails(coro_set_latency_hook(note_slow), ENOSYS);
        return;
    }
    setenv("CORO_SLICE", "0", 1);
    setenv("API_LATENCY", "1", 1);
    pid_t child = fork();
    if (!child) {
        execl("/proc/self/exe", "latency", (char *)NULL);
        _exit(127);
    }
    must(waitpid(child, &status, 0) == child);
    ck_assert_int_eq(status, 0);
}
END_TEST

static int hooked;
static char hooked_name[CORO_NAME_BYTES];

static void note_end(coro_id id, const char *name, int error)
{
    must(id == coro_current());
    strcpy(hooked_name, name);
    hooked = error;
}

static void fail_so(void)
{
    coro_fail(EPROTO);
}

START_TEST(the_exception_hook_hears_of_ends_without_return)
{
    must(coro_set_exception_hook(note_end) == NULL);
    coro_spawn(NULL, say, "v(p)", "x");
    must(coro_join_children(CORO_FOREVER) == 0 && hooked == 0);
    coro_spawn(NULL, fail_so, "v()");
    fails(coro_join_children(CORO_FOREVER), ECANCELED);
    must(hooked == EPROTO && !strcmp(hooked_name, "fail_so"));
    must(coro_set_exception_hook(NULL) == note_end);
}
END_TEST

START_TEST(print_stderr_writes_one_line_with_time_and_thread)
{
    char line[4096] = "", expected[64], longer[3000];
    int ends[2];
    must(pipe(ends) == 0);
    dup2(ends[1], 2);
    errno = 77;
    coro_print_stderr("%d %s", 5, "apples");
    must(errno == 77);
    must(read(ends[0], line, sizeof(line)) > 30);
    snprintf(expected, sizeof(expected), " %lu 5 apples\n", (unsigned long)coro_current());
    must(strstr(line, expected) == line + strlen(line) - strlen(expected));
    must(line[4] == '-' && line[7] == '-' && line[13] == ':');
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    coro_print_stderr("%s", longer);
    ssize_t length = read(ends[0], line, sizeof(line));
    must(length > 500 && length <= 1024 && line[length - 1] == '\n');
    close(2);
    coro_print_stderr("nobody hears");
    must(errno == 77);
}
END_TEST

static void sleep_long(void)
{
    for (;;)
        usleep(100000);
}

static int seen;

static void see(void *context, coro_id id, const char *name, const char *where)
{
    if (id == *(coro_id *)context) {
        must(!strcmp(name, "sleep_long"));
        must(strchr(where, '[') || !strcmp(where, "stack unavailable"));
        seen++;
    }
}

START_TEST(where_tells_the_stack)
{
    char text[4096];
    coro_id id = coro_spawn(NULL, sleep_long, "v()");
    usleep(20000);
    must(coro_where(id, text, sizeof(text)) > 0);
    if (way_is("native")) {
        must(strstr(text, "nothing is known"));
        fails(coro_where_all(see, &id), ENOSYS);
    } else {
        ck_assert_msg(strstr(text, "sleep_long") || !strcmp(text, "stack unavailable"), "%s", text);
        must(coro_where_all(see, &id) >= 2 && seen == 1);
        fails(coro_where(99999, text, sizeof(text)), ESRCH);
    }
    coro_shutdown(id);
    fails(coro_join(id, CORO_FOREVER, NULL), ECANCELED);
}
END_TEST

int main(void)
{
    if (getenv("API_LATENCY"))
        return latency_main();
    RUN_TESTS("sched", is_running_once_there_was_a_thread, yield_lets_the_others_run_once,
              priorities_say_where_a_woken_thread_goes, selfishness_is_a_threads_own,
              the_latency_hook_names_who_holds_the_others_up,
              the_exception_hook_hears_of_ends_without_return,
              print_stderr_writes_one_line_with_time_and_thread, where_tells_the_stack);
}
