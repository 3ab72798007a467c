/* The log: formatting against the C library's, one write per line, and what is not written to. */
#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim/conf.h"
#include "shim/log.h"

#define SAME(...)                                                                                  \
    do {                                                                                           \
        char ours[256], theirs[256];                                                               \
        size_t length = format_text(ours, sizeof(ours), __VA_ARGS__);                              \
        ck_assert_int_eq((int)length, snprintf(theirs, sizeof(theirs), __VA_ARGS__));              \
        ck_assert_str_eq(ours, theirs);                                                            \
    } while (0)

START_TEST(formats_as_the_c_library_does)
{
    SAME("plain");
    SAME("%s|%10s|%-10s|%.2s|%.*s|%*s|%-*s|", "abc", "abc", "abc", "abc", 1, "abc", 5, "x", 5, "y");
    SAME("%d %d %i %5d %-5d| %05d %05d %d", 0, -1, 42, 7, 7, 7, -7, INT_MIN);
    SAME("%u %x %X %08x %8x %-8x|", UINT_MAX, 0xdeadbeefU, 0xdeadbeefU, 0xbeef, 0xbeef, 0xbeef);
    SAME("%ld %ld %lu %lx %zu %zd %lld", LONG_MIN, LONG_MAX, ULONG_MAX, ULONG_MAX, (size_t)9,
         (ssize_t)-9, -5LL);
    SAME("%p %c%c %%", (void *)0x1234, 'a', 'b');
    SAME("%020lu|%-20lu|%20lu", ULONG_MAX, 1UL, 1UL);
}
END_TEST

START_TEST(null_strings_and_foreign_conversions_are_shown)
{
    const char *volatile none = NULL, *volatile foreign = "%f %n %";
    char text[64];

    format_text(text, sizeof(text), "[%s]", none);
    ck_assert_str_eq(text, "[(null)]");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    ck_assert_uint_eq(format_text(text, sizeof(text), foreign), 6);
#pragma GCC diagnostic pop
    ck_assert_str_eq(text, "%f %n ");
}
END_TEST

START_TEST(never_writes_past_the_end)
{
    for (size_t size = 0; size < 40; size++) {
        char text[64];
        size_t length;

        memset(text, 'Z', sizeof(text));
        length = format_text(text, size, "%s %08lx %-9d|", "some text", 0x1234567890UL, -77);
        ck_assert_uint_le(length, size == 0 ? 0 : size - 1);
        if (size > 0)
            ck_assert_int_eq(text[length], '\0');
        for (size_t i = size; i < sizeof(text); i++)
            ck_assert_int_eq(text[i], 'Z');
    }
}
END_TEST

START_TEST(huge_widths_are_bounded)
{
    volatile int widest = INT_MAX, narrowest = INT_MIN;
    char text[16];

    ck_assert_uint_eq(format_text(text, sizeof(text), "%*d", widest, 1), 15);
    ck_assert_uint_eq(format_text(text, sizeof(text), "%*d", narrowest, 1), 15);
}
END_TEST

/* Redirects stderr to a datagram socket, where each write is one message. */
static int catch_stderr(int *saved)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    *saved = dup(STDERR_FILENO);
    ck_assert_int_eq(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
    close(pair[1]);
    return pair[0];
}

static void release_stderr(int saved)
{
    ck_assert_int_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    close(saved);
}

START_TEST(a_line_is_one_write_with_prefix_and_newline)
{
    char line[1024], expected[128];
    int saved, reader = catch_stderr(&saved);
    ssize_t length;

    log_line(LOG_WARN, "thread %d of %s", 7, "x\n\ty\177");
    log_line(LOG_INFO, "not at the default level");
    length = recv(reader, line, sizeof(line), MSG_DONTWAIT);
    release_stderr(saved);
    ck_assert_int_gt(length, 0);
    snprintf(expected, sizeof(expected), "coroshim[%d]: thread 7 of x??y?\n", (int)getpid());
    ck_assert_int_eq(length, (ssize_t)strlen(expected));
    ck_assert_int_eq(memcmp(line, expected, strlen(expected)), 0);
    ck_assert_int_le(recv(reader, line, sizeof(line), MSG_DONTWAIT), 0);
}
END_TEST

START_TEST(a_long_line_is_cut_and_still_ends_in_a_newline)
{
    char line[1024], text[900];
    int saved, reader = catch_stderr(&saved);
    ssize_t length;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_line(LOG_ERROR, "%s", text);
    length = recv(reader, line, sizeof(line), MSG_DONTWAIT);
    release_stderr(saved);
    ck_assert_int_eq(length, LOG_LINE_BYTES);
    ck_assert_int_eq(memcmp(line + length - 5, "x...\n", 5), 0);
}
END_TEST

START_TEST(levels_select)
{
    char line[1024];
    int saved, reader = catch_stderr(&saved), lines = 0;

    for (conf.log_level = LOG_OFF; conf.log_level <= LOG_DEBUG; conf.log_level++)
        for (enum log_level level = LOG_ERROR; level <= LOG_DEBUG; level++)
            log_line(level, "%u", level);
    while (recv(reader, line, sizeof(line), MSG_DONTWAIT) > 0)
        lines++;
    release_stderr(saved);
    ck_assert_int_eq(lines, 0 + 1 + 2 + 3 + 4);
}
END_TEST

START_TEST(a_full_pipe_does_not_stop_us)
{
    int saved = dup(STDERR_FILENO), pipes[2];
    struct timespec before, after;

    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(fcntl(pipes[1], F_SETFL, O_NONBLOCK), 0);
    while (write(pipes[1], "0123456789abcdef", 16) > 0)
        ;
    ck_assert_int_eq(fcntl(pipes[1], F_SETFL, 0), 0);
    dup2(pipes[1], STDERR_FILENO);
    clock_gettime(CLOCK_MONOTONIC, &before);
    log_line(LOG_ERROR, "lost");
    clock_gettime(CLOCK_MONOTONIC, &after);
    release_stderr(saved);
    ck_assert_int_lt(after.tv_sec - before.tv_sec, 5);
}
END_TEST

START_TEST(the_log_file_is_appended_to)
{
    char path[] = "/tmp/coroshim-test-log-XXXXXX", text[256] = "";
    int fd = mkstemp(path);

    ck_assert_int_eq(write(fd, "before\n", 7), 7);
    snprintf(conf.log_file, sizeof(conf.log_file), "%s", path);
    log_line(LOG_ERROR, "one");
    log_line(LOG_ERROR, "two");
    ck_assert_int_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
    close(fd);
    unlink(path);
    ck_assert_int_eq(memcmp(text, "before\n2", 8), 0);
    ck_assert_ptr_nonnull(strstr(text, "]: one\n2"));
    ck_assert_ptr_nonnull(strstr(text, "]: two\n"));
}
END_TEST

static uint64_t seven(void)
{
    return 7;
}

/* The last of a file's lines, with the most that a line may hold. */
START_TEST(lines_of_the_log_file_tell_time_and_thread)
{
    char path[] = "/tmp/coroshim-test-log-XXXXXX", text[1024] = "", longest[900], *end;
    int fd = mkstemp(path);
    struct tm utc = { 0 };
    time_t before = time(NULL), told;

    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    snprintf(conf.log_file, sizeof(conf.log_file), "%s", path);
    log_thread = seven;
    log_line(LOG_ERROR, "%s", longest);
    log_thread = NULL;
    ck_assert_int_gt(pread(fd, text, sizeof(text) - 1, 0), LOG_LINE_BYTES);
    close(fd);
    unlink(path);
    end = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    ck_assert_ptr_nonnull(end);
    told = timegm(&utc);
    ck_assert_int_ge(told, before);
    ck_assert_int_le(told, time(NULL));
    ck_assert_int_eq(end[0], '.');
    ck_assert_int_eq(strspn(end + 1, "0123456789"), 3);
    ck_assert_int_eq(memcmp(end + 4, "Z 7 coroshim[", 13), 0);
    ck_assert_str_eq(text + strlen(text) - 5, "x...\n");
}
END_TEST

START_TEST(a_flood_is_a_burst_and_then_a_line_at_a_time_with_a_count)
{
    struct log_limit limit = { 0 };
    uint64_t now = 5;
    uint32_t unsaid;

    for (int i = 0; i < LOG_BURST; i++, now++) {
        ck_assert(log_limit_lets(&limit, now, &unsaid));
        ck_assert_uint_eq(unsaid, 0);
    }
    for (int i = 0; i < 7; i++, now++)
        ck_assert(!log_limit_lets(&limit, now, &unsaid));
    now += LOG_PAUSE_NS;
    ck_assert(log_limit_lets(&limit, now, &unsaid));
    ck_assert_uint_eq(unsaid, 7);
    ck_assert(!log_limit_lets(&limit, now, &unsaid));
    now += 2 * LOG_PAUSE_NS;
    ck_assert(log_limit_lets(&limit, now, &unsaid));
    ck_assert_uint_eq(unsaid, 1);
    ck_assert(log_limit_lets(&limit, now, &unsaid));
    ck_assert_uint_eq(unsaid, 0);
    ck_assert(!log_limit_lets(&limit, now, &unsaid));
    now += 1000 * LOG_PAUSE_NS;
    for (int i = 0; i < LOG_BURST; i++)
        ck_assert(log_limit_lets(&limit, now, &unsaid));
    ck_assert(!log_limit_lets(&limit, now, &unsaid));
}
END_TEST

START_TEST(a_log_file_that_cannot_be_opened_falls_back_to_stderr)
{
    char line[1024];
    int saved, reader = catch_stderr(&saved);
    ssize_t length;

    snprintf(conf.log_file, sizeof(conf.log_file), "/nonexistent/log");
    log_line(LOG_ERROR, "fallback");
    length = recv(reader, line, sizeof(line), MSG_DONTWAIT);
    release_stderr(saved);
    ck_assert_int_gt(length, 0);
}
END_TEST

START_TEST(a_database_that_took_number_two_is_not_written_to)
{
    char path[] = "/tmp/coroshim-test-log-XXXXXX";
    int saved = dup(STDERR_FILENO), fd, pair[2];
    struct stat st;
    char byte;

    log_remember_stderr();
    fd = mkstemp(path); /* O_RDWR */
    dup2(fd, STDERR_FILENO);
    log_line(LOG_ERROR, "damage");
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    dup2(pair[0], STDERR_FILENO);
    log_line(LOG_ERROR, "damage");
    release_stderr(saved);
    ck_assert_int_eq(st.st_size, 0);
    ck_assert_int_le(recv(pair[1], &byte, 1, MSG_DONTWAIT), 0);
    unlink(path);
}
END_TEST

START_TEST(a_closed_stderr_is_no_error)
{
    int saved = dup(STDERR_FILENO);

    close(STDERR_FILENO);
    log_line(LOG_ERROR, "nowhere");
    release_stderr(saved);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, formats_as_the_c_library_does);
    tcase_add_test(tests, null_strings_and_foreign_conversions_are_shown);
    tcase_add_test(tests, never_writes_past_the_end);
    tcase_add_test(tests, huge_widths_are_bounded);
    tcase_add_test(tests, a_line_is_one_write_with_prefix_and_newline);
    tcase_add_test(tests, a_long_line_is_cut_and_still_ends_in_a_newline);
    tcase_add_test(tests, levels_select);
    tcase_add_test(tests, a_full_pipe_does_not_stop_us);
    tcase_add_test(tests, the_log_file_is_appended_to);
    tcase_add_test(tests, lines_of_the_log_file_tell_time_and_thread);
    tcase_add_test(tests, a_flood_is_a_burst_and_then_a_line_at_a_time_with_a_count);
    tcase_add_test(tests, a_log_file_that_cannot_be_opened_falls_back_to_stderr);
    tcase_add_test(tests, a_database_that_took_number_two_is_not_written_to);
    tcase_add_test(tests, a_closed_stderr_is_no_error);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
