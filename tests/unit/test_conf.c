/* The environment variables: what each kind of value accepts, what a complaint says, what an
 * unknown name suggests, and that every row of conf.def is consistent with itself. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/conf.h"
#include "shim/log.h"

static char complaint[CONF_TEXT_BYTES];

static const struct conf_variable *row(const char *name)
{
    const struct conf_variable *variable = conf_find(name, strlen(name));

    ck_assert_ptr_nonnull(variable);
    return variable;
}

static bool parses(const char *name, const char *value, struct conf *into)
{
    complaint[0] = '\0';
    return conf_parse(row(name), value, into, complaint);
}

static void refuses(const char *name, const char *value, const char *why)
{
    struct conf into = conf;

    ck_assert_msg(!parses(name, value, &into), "%s=%s accepted", name, value);
    ck_assert_str_eq(complaint, why);
    ck_assert_msg(memcmp(&into, &conf, sizeof(conf)) == 0, "%s=%s changed a field", name, value);
}

/* What conf_load prints for one environment, in a child, so that `conf` is fresh each time. */
static const char *load(char *const envp[])
{
    static char output[4096];
    char prefix[64];
    int pipes[2];
    ssize_t length;
    size_t used = 0;
    pid_t pid;

    ck_assert_int_eq(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        conf_load(envp);
        _exit(0);
    }
    close(pipes[1]);
    while ((length = read(pipes[0], output + used, sizeof(output) - 1 - used)) > 0)
        used += (size_t)length;
    close(pipes[0]);
    output[used] = '\0';
    /* The pid is not the same twice: fold it. */
    snprintf(prefix, sizeof(prefix), "coroshim[%d]", (int)pid);
    for (char *at; (at = strstr(output, prefix)) != NULL;)
        memmove(at + strlen("coroshim"), at + strlen(prefix), strlen(at + strlen(prefix)) + 1);
    return output;
}

START_TEST(initial_values_are_the_documented_ones)
{
    ck_assert(conf.on && conf.follow && conf.control);
    ck_assert_uint_eq(conf.selfishness, 4);
    ck_assert_uint_eq(conf.slice_ns, 10 * NSEC_PER_MSEC);
    ck_assert_uint_eq(conf.latency_warning_ns, 0);
    ck_assert_uint_eq(conf.log_level, LOG_WARN);
    ck_assert_str_eq(conf.log_file, "");
    ck_assert_uint_eq(conf.priority, 0);
    for (int i = 0; i < TIMEOUTS; i++)
        ck_assert_uint_eq(conf.timeout_ns[i], 0);
    ck_assert(conf.timeout_weak);
}
END_TEST

START_TEST(each_timeout_has_a_variable_of_its_own)
{
    struct conf into = conf;

    ck_assert(parses("CORO_TIMEOUT_CONNECT", "1ms", &into));
    ck_assert(parses("CORO_TIMEOUT_ACCEPT", "2s", &into));
    ck_assert(parses("CORO_TIMEOUT_READ", "3s", &into));
    ck_assert(parses("CORO_TIMEOUT_WRITE", "86400s", &into));
    ck_assert_uint_eq(into.timeout_ns[TIMEOUT_CONNECT], NSEC_PER_MSEC);
    ck_assert_uint_eq(into.timeout_ns[TIMEOUT_ACCEPT], 2 * NSEC_PER_SEC);
    ck_assert_uint_eq(into.timeout_ns[TIMEOUT_READ], 3 * NSEC_PER_SEC);
    ck_assert_uint_eq(into.timeout_ns[TIMEOUT_WRITE], CONF_TIMEOUT_MAX);
    refuses("CORO_TIMEOUT_READ", "86401s", "out of range 1us..86400s or 0");
    refuses("CORO_TIMEOUT_READ", "5", "a duration needs a unit: ns, us, ms or s");
}
END_TEST

START_TEST(faults_are_a_list)
{
    struct conf into = conf;

    ck_assert(parses("CORO_FAULT", "on", &into) && into.fault.on && !into.fault.seeded);
    ck_assert(into.fault.part[FAULT_DELAY] && into.fault.part[FAULT_WAKE]);
    ck_assert(!into.fault.part[FAULT_EINTR] && !into.fault.part[FAULT_SHORT]);
    ck_assert(parses("CORO_FAULT", "seed=7,delay=0,short=1/20", &into));
    ck_assert(into.fault.seeded && into.fault.seed == 7);
    ck_assert(!into.fault.part[FAULT_DELAY] && into.fault.part[FAULT_WAKE]);
    ck_assert_uint_eq(into.fault.part[FAULT_SHORT], 1);
    ck_assert_uint_eq(into.fault.of[FAULT_SHORT], 20);
    ck_assert(parses("CORO_FAULT", "off", &into) && !into.fault.on);
    ck_assert(parses("CORO_FAULT", "", &into) && !into.fault.on);
    static const char *const garbage[] = { "seed",     "seed=",     "delay",      "delay=2/1",
                                           "dely=1/2", "delay=1/0", "delay=1/2,", "on=1" };
    for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
        refuses("CORO_FAULT", garbage[i], "not a list of faults");
}
END_TEST

START_TEST(durations_have_units)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        { "10ms", 10000000 },
        { "20us", 20000 },
        { "20000ns", 20000 },
        { "10s", 10000000000 },
        { "1.5ms", 1500000 },
        { "0.25s", 250000000 },
        { "0", 0 },
        { "0ms", 0 },
        { "off", 0 },
        { "", 10000000 },
        { "0000010ms", 10000000 },
        { "0.0200000001ms", 20000 },
    };
    struct conf into = conf;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        ck_assert_msg(parses("CORO_SLICE", good[i].text, &into), "%s", good[i].text);
        ck_assert_uint_eq(into.slice_ns, good[i].ns);
    }
}
END_TEST

START_TEST(bad_durations_are_refused)
{
    static const char *const garbage[] = { "12x",    "ms",  "-1ms",  "1 ms",  "1ms ",
                                           "+1ms",   ".5s", "1.s",   "1..5s", "1e3ms",
                                           "0x10ms", "on",  "10msms" };

    for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
        refuses("CORO_SLICE", garbage[i], "not a duration");
    refuses("CORO_SLICE", "10", "a duration needs a unit: ns, us, ms or s");
    refuses("CORO_SLICE", "19us", "out of range 20us..10s or 0");
    refuses("CORO_SLICE", "10001ms", "out of range 20us..10s or 0");
    refuses("CORO_SLICE", "0.1ns", "out of range 20us..10s or 0");
    refuses("CORO_SLICE", "18446744073709551616ns", "out of range 20us..10s or 0");
    refuses("CORO_SLICE", "99999999999999999999999999999s", "out of range 20us..10s or 0");
}
END_TEST

START_TEST(numbers_are_within_their_range)
{
    struct conf into = conf;

    ck_assert(parses("CORO_SELFISHNESS", "1", &into) && into.selfishness == 1);
    ck_assert(parses("CORO_SELFISHNESS", "32768", &into) && into.selfishness == 32768);
    ck_assert(parses("CORO_SELFISHNESS", "", &into) && into.selfishness == 4);
    refuses("CORO_SELFISHNESS", "0", "out of range 1..32768");
    refuses("CORO_SELFISHNESS", "32769", "out of range 1..32768");
    refuses("CORO_SELFISHNESS", "4294967297", "out of range 1..32768");
    refuses("CORO_SELFISHNESS", "18446744073709551617", "out of range 1..32768");
    refuses("CORO_SELFISHNESS", "4x", "not a number");
    refuses("CORO_SELFISHNESS", "-4", "not a number");
    refuses("CORO_SELFISHNESS", "4.0", "not a number");
}
END_TEST

START_TEST(factors_are_decimals_of_a_fifth_of_a_second)
{
    struct conf into = conf;

    ck_assert(parses("CORO_LATENCY_WARNING", "1", &into));
    ck_assert_uint_eq(into.latency_warning_ns, 200000000);
    ck_assert(parses("CORO_LATENCY_WARNING", "0.5", &into));
    ck_assert_uint_eq(into.latency_warning_ns, 100000000);
    ck_assert(parses("CORO_LATENCY_WARNING", "300", &into));
    ck_assert_uint_eq(into.latency_warning_ns, 60 * NSEC_PER_SEC);
    ck_assert(parses("CORO_LATENCY_WARNING", "off", &into) && into.latency_warning_ns == 0);
    ck_assert(parses("CORO_LATENCY_WARNING", "0", &into) && into.latency_warning_ns == 0);
    refuses("CORO_LATENCY_WARNING", "300.1", "out of range 0..300");
    refuses("CORO_LATENCY_WARNING", "1s", "not a factor");
    refuses("CORO_LATENCY_WARNING", "often", "not a factor");
}
END_TEST

START_TEST(signals_have_numbers_and_names)
{
    static const char *const bad[] = {
        "SEGV", "KILL", "9", "33", "65", "-1", "USR3", "SIG", "12x"
    };
    static const char complaint_text[] = "not a signal that can be had";
    struct conf into = conf;
    char text[CONF_TEXT_BYTES];

    ck_assert(parses("CORO_DUMP_SIGNAL", "USR2", &into) && into.dump_signal == 12);
    conf_show(row("CORO_DUMP_SIGNAL"), &into, text, sizeof(text));
    ck_assert_str_eq(text, "SIGUSR2");
    ck_assert(parses("CORO_DUMP_SIGNAL", "sigquit", &into) && into.dump_signal == 3);
    ck_assert(parses("CORO_DUMP_SIGNAL", "64", &into) && into.dump_signal == 64);
    ck_assert(parses("CORO_DUMP_SIGNAL", "off", &into) && into.dump_signal == 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        refuses("CORO_DUMP_SIGNAL", bad[i], complaint_text);
}
END_TEST

START_TEST(switches_take_the_usual_words)
{
    static const char *const on[] = { "on", "yes", "true", "1", "" };
    static const char *const off[] = { "off", "no", "false", "0" };
    struct conf into = conf;

    for (size_t i = 0; i < ARRAY_SIZE(on); i++) {
        into.follow = false;
        ck_assert(parses("CORO_FOLLOW", on[i], &into) && into.follow);
    }
    for (size_t i = 0; i < ARRAY_SIZE(off); i++)
        ck_assert(parses("CORO_FOLLOW", off[i], &into) && !into.follow);
    refuses("CORO_FOLLOW", "On", "not one of on or off");
    refuses("CORO_FOLLOW", "2", "not one of on or off");
    refuses("CORO_FOLLOW", "on|off", "not one of on or off");
}
END_TEST

START_TEST(words_and_paths)
{
    char longest[CONF_PATH_BYTES + 1];
    struct conf into = conf;

    ck_assert(parses("CORO_LOG", "debug", &into) && into.log_level == LOG_DEBUG);
    ck_assert(parses("CORO_LOG", "off", &into) && into.log_level == LOG_OFF);
    refuses("CORO_LOG", "loud", "not one of off, error, warn, info or debug");
    refuses("CORO_LOG", "deb", "not one of off, error, warn, info or debug");
    ck_assert(parses("CORO_LOG_FILE", "/a b/c", &into));
    ck_assert_str_eq(into.log_file, "/a b/c");
    ck_assert(parses("CORO_LOG_FILE", "", &into));
    ck_assert_str_eq(into.log_file, "");
    memset(longest, 'x', sizeof(longest));
    longest[CONF_PATH_BYTES - 1] = '\0';
    ck_assert(parses("CORO_LOG_FILE", longest, &into));
    ck_assert_str_eq(into.log_file, longest);
    longest[CONF_PATH_BYTES - 1] = 'x';
    longest[CONF_PATH_BYTES] = '\0';
    refuses("CORO_LOG_FILE", longest, "longer than 255 bytes");
}
END_TEST

START_TEST(shown_values_parse_to_themselves)
{
    static const char *const values[][2] = {
        { "CORO_SLICE", "10ms" },
        { "CORO_SLICE", "0" },
        { "CORO_SLICE", "20us" },
        { "CORO_SLICE", "1500us" },
        { "CORO_SLICE", "20001ns" },
        { "CORO_SLICE", "3s" },
        { "CORO_LATENCY_WARNING", "0" },
        { "CORO_LATENCY_WARNING", "2.5" },
        { "CORO_LATENCY_WARNING", "17" },
        { "CORO_LATENCY_WARNING", "0.000000005" },
        { "CORO_LOG", "info" },
        { "CORO_LOG_FILE", "/tmp/x" },
        { "CORO", "off" },
        { "CORO_SELFISHNESS", "77" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct conf into = conf;
        char shown[CONF_PATH_BYTES];

        ck_assert(parses(values[i][0], values[i][1], &into));
        ck_assert_uint_eq(conf_show(row(values[i][0]), &into, shown, sizeof(shown)),
                          strlen(values[i][1]));
        ck_assert_str_eq(shown, values[i][1]);
    }
}
END_TEST

START_TEST(every_row_is_consistent)
{
    for (size_t i = 0; i < conf_variable_count; i++) {
        const struct conf_variable *variable = &conf_variables[i];
        char shown[CONF_PATH_BYTES], range[CONF_TEXT_BYTES];
        struct conf into = conf;

        ck_assert_ptr_eq(conf_find(variable->name, strlen(variable->name)), variable);
        ck_assert_uint_gt(strlen(variable->text), 10);
        ck_assert_int_ne(variable->text[strlen(variable->text) - 1], '.');
        ck_assert_uint_lt(conf_show_range(variable, range, sizeof(range)), CONF_TEXT_BYTES - 40);
        if (variable->kind == CONF_TOOL)
            continue;
        conf_show(variable, &conf, shown, sizeof(shown));
        ck_assert_msg(parses(variable->name, shown, &into), "%s=%s", variable->name, shown);
        ck_assert_int_eq(memcmp(&into, &conf, sizeof(conf)), 0);
    }
}
END_TEST

START_TEST(a_bad_value_costs_one_line_and_leaves_the_default)
{
    ck_assert_str_eq(load((char *[]){ "CORO_SLICE=12x", NULL }),
                     "coroshim: CORO_SLICE=12x: not a duration; using 10ms\n");
    ck_assert_str_eq(load((char *[]){ "CORO_SELFISHNESS=0", "CORO_LOG_FILE=", NULL }),
                     "coroshim: CORO_SELFISHNESS=0: out of range 1..32768; using 4\n");
    ck_assert_str_eq(load((char *[]){ "CORO_SLICE=1\n2\033[m", NULL }),
                     "coroshim: CORO_SLICE=1?2?[m: not a duration; using 10ms\n");
    ck_assert_str_eq(load((char *[]){ "CORO_LOG=loud", NULL }),
                     "coroshim: CORO_LOG=loud: not one of off, error, warn, info or debug; "
                     "using warn\n");
}
END_TEST

START_TEST(an_unknown_name_suggests_the_nearest)
{
    ck_assert_str_eq(load((char *[]){ "CORO_SLCE=10ms", NULL }),
                     "coroshim: CORO_SLCE: unknown variable; did you mean CORO_SLICE?\n");
    ck_assert_str_eq(load((char *[]){ "CORO_SELFISHNES=1", NULL }),
                     "coroshim: CORO_SELFISHNES: unknown variable; did you mean "
                     "CORO_SELFISHNESS?\n");
    ck_assert_str_eq(load((char *[]){ "CORO_CONTORL=1", NULL }),
                     "coroshim: CORO_CONTORL: unknown variable; did you mean CORO_CONTROL?\n");
    ck_assert_str_eq(load((char *[]){ "CORO_ENTIRELY_DIFFERENT=1", NULL }),
                     "coroshim: CORO_ENTIRELY_DIFFERENT: unknown variable; see coroshim-env(7)\n");
    ck_assert_str_eq(
        load((char *[]){ "CORO_THIS_NAME_IS_LONGER_THAN_ANY_OF_OURS_COULD_EVER_BE=1", NULL }),
        "coroshim: CORO_THIS_NAME_IS_LONGER_THAN_ANY_OF_OURS_COULD_EVER_BE: unknown "
        "variable; see coroshim-env(7)\n");
}
END_TEST

START_TEST(other_variables_are_none_of_our_business)
{
    ck_assert_str_eq(load((char *[]){ "CORO=on", "CORONA=1", "CORO_", "CORO_=2", "XCORO_SLCE=1",
                                      "coro_slce=1", "CORO_LIB=/x", "", "=", NULL }),
                     "");
    ck_assert_str_eq(load((char *[]){ NULL }), "");
}
END_TEST

START_TEST(off_and_quiet_say_nothing)
{
    ck_assert_str_eq(load((char *[]){ "CORO_SLICE=12x", "CORO=off", "CORO_X=1", NULL }), "");
    ck_assert_str_eq(load((char *[]){ "CORO_SLICE=12x", "CORO_LOG=off", NULL }), "");
    ck_assert_str_eq(load((char *[]){ "CORO_SLICE=12x", "CORO_LOG=error", NULL }), "");
}
END_TEST

START_TEST(the_first_of_two_entries_counts_as_in_getenv)
{
    conf_load((char *[]){ "CORO_SLICE=30us", "CORO_SLICE=40us", NULL });
    ck_assert_uint_eq(conf.slice_ns, 30000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf");
    TCase *tests = tcase_create("conf");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, initial_values_are_the_documented_ones);
    tcase_add_test(tests, each_timeout_has_a_variable_of_its_own);
    tcase_add_test(tests, faults_are_a_list);
    tcase_add_test(tests, durations_have_units);
    tcase_add_test(tests, bad_durations_are_refused);
    tcase_add_test(tests, numbers_are_within_their_range);
    tcase_add_test(tests, factors_are_decimals_of_a_fifth_of_a_second);
    tcase_add_test(tests, signals_have_numbers_and_names);
    tcase_add_test(tests, switches_take_the_usual_words);
    tcase_add_test(tests, words_and_paths);
    tcase_add_test(tests, shown_values_parse_to_themselves);
    tcase_add_test(tests, every_row_is_consistent);
    tcase_add_test(tests, a_bad_value_costs_one_line_and_leaves_the_default);
    tcase_add_test(tests, an_unknown_name_suggests_the_nearest);
    tcase_add_test(tests, other_variables_are_none_of_our_business);
    tcase_add_test(tests, off_and_quiet_say_nothing);
    tcase_add_test(tests, the_first_of_two_entries_counts_as_in_getenv);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
