/* coroctl deadlock: cycles of threads that wait for each other.
 *
 * A thread that waits for a mutex or for another's end waits for one thread, so the graph has at most
 * one edge from each: following the edges either ends or comes round. Waits that a deadline ends
 * are none. The list was taken while the program went on, so a cycle counts only if none of its
 * threads has run between two listings. */
#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/print.h"
#include "tools/coroctl/text.h"

#define SETTLE_NS 20000000 /* between the listings */

enum { UNSEEN = -1 };

/* The thread that @thread can't go on without, or NULL. */
static const struct co_info *waits_for(const struct threads *threads, const struct co_info *thread)
{
    if (thread->state != CO_PARKED || thread->wait_owner_tid == 0 ||
        thread->wait_left_ns != UINT64_MAX ||
        (thread->wait_kind != WAIT_MUTEX && thread->wait_kind != WAIT_JOIN))
        return NULL;
    return threads_by_tid(threads, thread->wait_owner_tid);
}

/* Has @thread stood still since the earlier listing? */
static bool stands(const struct threads *earlier, const struct co_info *thread)
{
    const struct co_info *before = threads_by_tid(earlier, thread->tid);

    return before != NULL && before->id == thread->id && before->slices == thread->slices;
}

static bool is_dead(const struct threads *earlier, const struct threads *threads,
                    const struct co_info *first)
{
    const struct co_info *thread = first;

    do {
        if (!stands(earlier, thread))
            return false;
        thread = waits_for(threads, thread);
    } while (thread != first);
    return true;
}

/* Calls @found(context, first) for each cycle once. */
static size_t find_cycles(const struct threads *earlier, const struct threads *threads,
                          void (*found)(void *context, const struct co_info *first), void *context)
{
    int *seen_by = calloc(threads->count + 1, sizeof(*seen_by));
    size_t cycles = 0;

    if (seen_by == NULL)
        error(EXIT_FAILED, errno, "memory");
    for (size_t i = 0; i < threads->count; i++)
        seen_by[i] = UNSEEN;
    for (size_t i = 0; i < threads->count; i++) {
        const struct co_info *thread = &threads->items[i];

        while (thread != NULL && seen_by[thread - threads->items] == UNSEEN) {
            seen_by[thread - threads->items] = (int)i;
            thread = waits_for(threads, thread);
        }
        if (thread != NULL && seen_by[thread - threads->items] == (int)i &&
            is_dead(earlier, threads, thread)) {
            found(context, thread);
            cycles++;
        }
    }
    free(seen_by);
    return cycles;
}

struct report {
    struct connection *connection;
    const struct threads *threads;
    struct stacks stacks;
    json_t *cycles; /* NULL: print for people */
    int code;
};

static void print_member(struct report *report, const struct co_info *thread)
{
    const struct co_info *owner = waits_for(report->threads, thread);
    const struct stack *stack;

    fputs("  ", stdout);
    print_name(thread);
    printf("\n    waits for thread %lu: ", owner->id);
    print_doing(report->threads, thread);
    putchar('\n');
    report->code = stacks_fetch(report->connection, thread->id, &report->stacks);
    stack = stacks_by_id(&report->stacks, thread->id);
    if (stack != NULL)
        print_stack(stack, false);
}

static void print_cycle(void *context, const struct co_info *first)
{
    struct report *report = context;
    const struct co_info *thread = first;
    size_t length = 0;

    do {
        length++;
        thread = waits_for(report->threads, thread);
    } while (thread != first);
    if (length == 1)
        puts("deadlock: a thread waits for itself");
    else
        printf("deadlock: %zu threads wait for each other\n", length);
    do {
        print_member(report, thread);
        thread = waits_for(report->threads, thread);
    } while (thread != first && report->code == EXIT_OK);
}

static void add_cycle(void *context, const struct co_info *first)
{
    struct report *report = context;
    const struct co_info *thread = first;
    json_t *cycle = json_array();

    do {
        const struct co_info *owner = waits_for(report->threads, thread);

        json_array_append_new(
            cycle, json_pack("{s:I, s:s, s:s, s:o, s:I, s:I}", "id", (json_int_t)thread->id, "name",
                             thread->name, "on", wait_word(thread->wait_kind), "address",
                             json_sprintf("0x%lx", thread->wait_addr), "for_ns",
                             (json_int_t)thread->state_ns, "waits_for_id", (json_int_t)owner->id));
        thread = owner;
    } while (thread != first);
    json_array_append_new(report->cycles, cycle);
}

static int look_twice(struct connection *connection, struct threads *earlier,
                      struct threads *threads)
{
    static const struct timespec settle = { .tv_nsec = SETTLE_NS };
    int code = threads_fetch(connection, earlier);

    if (code != EXIT_OK)
        return code;
    nanosleep(&settle, NULL);
    code = threads_fetch(connection, threads);
    if (code != EXIT_OK)
        threads_free(earlier);
    return code;
}

static int report_json(struct report *report, const struct threads *earlier)
{
    json_t *document;
    size_t cycles;

    report->cycles = json_array();
    cycles = find_cycles(earlier, report->threads, add_cycle, report);
    document = json_pack("{s:i, s:i, s:o}", "format", 1, "pid", (int)report->threads->pid,
                         "deadlocks", report->cycles);
    if (document == NULL)
        error(EXIT_FAILED, ENOMEM, "JSON");
    json_dumpf(document, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(document);
    return cycles > 0 ? EXIT_DEADLOCK : EXIT_OK;
}

static int report_text(struct report *report, const struct threads *earlier)
{
    size_t cycles;
    int code = image_open(report->threads->pid);

    if (code != EXIT_OK)
        return code;
    cycles = find_cycles(earlier, report->threads, print_cycle, report);
    image_close();
    stacks_free(&report->stacks);
    if (report->code != EXIT_OK)
        return report->code;
    if (cycles == 0)
        printf("no deadlock among %zu threads\n", report->threads->count);
    return cycles > 0 ? EXIT_DEADLOCK : EXIT_OK;
}

static int deadlock_run(const struct settings *settings)
{
    static struct connection connection;
    struct threads earlier = { 0 }, threads = { 0 };
    struct report report = { .connection = &connection, .threads = &threads };
    int code = connection_for(settings, &connection);

    if (code != EXIT_OK)
        return code;
    code = look_twice(&connection, &earlier, &threads);
    if (code == EXIT_OK) {
        code = settings->json ? report_json(&report, &earlier) : report_text(&report, &earlier);
        threads_free(&earlier);
        threads_free(&threads);
    }
    connection_close(&connection);
    return code;
}

static const struct argp_option deadlock_options[] = {
    OPTION_PROCESS,
    OPTION_CORE,
    OPTION_JSON,
    { 0 },
};

const struct command command_deadlock = {
    .name = "deadlock",
    .summary = "find threads that wait for each other",
    .description = "Follows mutexes to their holders and joins to the threads joined. For each "
                   "cycle: its threads, what they wait on and for how long, and their stacks. "
                   "Exits with 6 when there is one.",
    .options = deadlock_options,
    .run = deadlock_run,
};
