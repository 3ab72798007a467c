/* coroctl report: what a process under coroshim has to say of itself (shim/report.c starts it).
 *
 * The process hands its end of a connection over as descriptor CHANNEL, and what it logs to as standard
 * output and error. Each line goes out whole and looks like the library's own, in the log file with a stamp. */
#include <errno.h>
#include <error.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/cycles.h"
#include "tools/coroctl/frames.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/print.h"
#include "tools/coroctl/report.h"
#include "tools/coroctl/text.h"

#define CHANNEL        3
#define STANDSTILL_MAX 16 /* threads: many would wait for the same */

/* As shim/log.h has it: the time, and that no thread of the program's speaks. */
static void print_stamp(void)
{
    struct timespec now;
    struct tm utc;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    printf("%s.%03ldZ 0 ", text, now.tv_nsec / 1000000);
}

static void print_head(const struct report *report, uint64_t id)
{
    const struct co_info *thread = threads_by_id(&report->threads, id);

    if (report->stamped)
        print_stamp();
    printf("coroshim[%d]: thread %lu (", (int)report->connection->pid, id);
    print_escaped(stdout, thread != NULL && thread->name[0] != '\0' ? thread->name : "unnamed");
    putchar(')');
}

void report_thread(const struct report *report, uint64_t id)
{
    const struct stack *stack = stacks_by_id(&report->stacks, id);

    print_head(report, id);
    fputs(" is at ", stdout);
    print_stack_line(stack);
    putchar('\n');
}

/* The stack that the process has kept. */
static int report_kept(struct report *report)
{
    int code = stacks_fetch(report->connection, STACK_KEPT, &report->stacks);

    if (code == EXIT_OK && report->stacks.count > 0)
        report_thread(report, report->stacks.items[0].id);
    return code;
}

static int report_up_to(struct report *report, size_t max)
{
    int code = stacks_fetch(report->connection, 0, &report->stacks);

    for (size_t i = 0; code == EXIT_OK && i < report->threads.count && i < max; i++) {
        const struct co_info *thread = &report->threads.items[i];

        print_head(report, thread->id);
        fputs(": ", stdout);
        print_doing(&report->threads, thread);
        if (thread->state != CO_NEW) {
            fputs(" at ", stdout);
            print_stack_line(stacks_by_id(&report->stacks, thread->id));
        }
        putchar('\n');
    }
    return code;
}

static int report_all(struct report *report)
{
    return report_up_to(report, SIZE_MAX);
}

static int report_standstill(struct report *report)
{
    return report_up_to(report, STANDSTILL_MAX);
}

/* A line for each member: what it holds, and whom it waits for. */
static void report_cycle(void *context, const struct co_info *first)
{
    struct report *report = context;
    const struct co_info *thread = first;

    do {
        const struct co_info *waiter = cycle_before(&report->threads, thread);
        struct lock_site_reply site;

        print_head(report, thread->id);
        if (waiter->wait_kind != WAIT_JOIN)
            printf(" holds %s 0x%lx", wait_word(waiter->wait_kind), waiter->wait_addr);
        if (lock_site_fetch(report->connection, waiter, thread, &site)) {
            fputs(", taken at ", stdout);
            print_call_site(site.pc);
        }
        fputs(waiter->wait_kind != WAIT_JOIN ? ", and is " : " is ", stdout);
        print_doing(&report->threads, thread);
        fputs(" at ", stdout);
        if (stacks_fetch(report->connection, thread->id, &report->stacks) != EXIT_OK)
            break;
        print_stack_line(stacks_by_id(&report->stacks, thread->id));
        putchar('\n');
        thread = waits_for(&report->threads, thread);
    } while (thread != first);
}

static int report_deadlock(struct report *report)
{
    struct listings listings = { .earlier = report->threads };
    int code = threads_fetch(report->connection, &listings.now);

    report->threads = listings.now;
    if (code == EXIT_OK)
        cycles_find(&listings, report_cycle, report);
    threads_free(&listings.earlier);
    return code;
}

static const struct {
    const char *name;
    int (*run)(struct report *report);
} kinds[] = {
    { "crash", report_kept },
    { "stall", report_kept },
    { "dump", report_all },
    { "deadlock", report_deadlock },
    { "standstill", report_standstill },
};

static int make_report(struct report *report, const char *kind)
{
    int code;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(kinds[i].name, kind) != 0)
            continue;
        code = image_open(report->connection->pid);
        if (code == EXIT_OK)
            code = threads_fetch(report->connection, &report->threads);
        return code == EXIT_OK ? kinds[i].run(report) : code;
    }
    error(0, 0, "no report of kind '%s'", kind);
    return EXIT_USAGE;
}

static int report_run(const struct settings *settings)
{
    static struct connection connection;
    static struct report report = { .connection = &connection };
    struct process process = { .fd = CHANNEL };
    sigset_t none;
    int code;

    if (settings->arguments[0] == NULL || settings->arguments[1] == NULL)
        error(EXIT_USAGE, 0, "report is for processes under coroshim, which start it themselves");
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    report.stamped = settings->arguments[2] != NULL && settings->arguments[3] != NULL;
    process.pid = (pid_t)strtol(settings->arguments[1], NULL, 10);
    process_name(process.pid, process.name, sizeof(process.name));
    code = connection_open(&process, &connection);
    if (code == EXIT_OK)
        code = make_report(&report, settings->arguments[0]);
    return code;
}

static const struct argp_option report_options[] = { { 0 } };

const struct command command_report = {
    .name = "report",
    .arguments = "KIND PID ID [stamped]",
    .summary = "report on the process that started it, which is how the library does so",
    .is_hidden = true,
    .options = report_options,
    .run = report_run,
};
