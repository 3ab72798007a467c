/* coroctl where: the stack of every thread, or of some. */
#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/errand.h"
#include "tools/coroctl/frames.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/print.h"
#include "tools/coroctl/stacks.h"
#include "tools/coroctl/text.h"

/* One thread's position in both lists. */
struct entry {
    const struct co_info *thread;
    const struct stack *stack;
};

static int compare_stacks(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    size_t depth = one->stack->depth;
    int order = 0;

    if (depth != other->stack->depth)
        return depth < other->stack->depth ? -1 : 1;
    if (depth > 0)
        order = memcmp(one->stack->pcs, other->stack->pcs, depth * sizeof(*one->stack->pcs));
    if (order == 0)
        order = one->thread->id < other->thread->id ? -1 : 1;
    return order;
}

static bool same_stack(const struct entry *one, const struct entry *other)
{
    return one->stack->depth == other->stack->depth &&
           (one->stack->depth == 0 || memcmp(one->stack->pcs, other->stack->pcs,
                                             one->stack->depth * sizeof(*one->stack->pcs)) == 0);
}

/* "2-5, 9": ids in ascending order. */
static void print_ids(const struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t last = i;

        while (last + 1 < count && entries[last + 1].thread->id == entries[last].thread->id + 1)
            last++;
        printf("%s%lu", i > 0 ? ", " : "", entries[i].thread->id);
        if (last > i)
            printf("%s%lu", last > i + 1 ? "-" : ", ", entries[last].thread->id);
        i = last + 1;
    }
}

/* Equal stacks stand side by side in @entries; the largest group is printed first. */
struct group {
    const struct entry *first;
    size_t count;
};

static int compare_groups(const void *a, const void *b)
{
    const struct group *one = a, *other = b;

    if (one->count != other->count)
        return one->count > other->count ? -1 : 1;
    return one->first->thread->id < other->first->thread->id ? -1 : 1;
}

/* From malloc; returns how many. */
static size_t make_groups(struct entry *entries, size_t count, struct group **result)
{
    struct group *groups = calloc(count + 1, sizeof(*groups));
    size_t group_count = 0;

    if (groups == NULL)
        error(EXIT_FAILED, errno, "memory");
    qsort(entries, count, sizeof(*entries), compare_stacks);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !same_stack(&entries[i - 1], &entries[i]))
            groups[group_count++].first = &entries[i];
        groups[group_count - 1].count++;
    }
    qsort(groups, group_count, sizeof(*groups), compare_groups);
    *result = groups;
    return group_count;
}

static void print_groups(const struct threads *threads, struct entry *entries, size_t count,
                         bool all_frames)
{
    struct group *groups;
    size_t group_count = make_groups(entries, count, &groups);

    for (size_t i = 0; i < group_count; i++) {
        const struct entry *first = groups[i].first;

        printf("%s%zu thread%s: ", i > 0 ? "\n" : "", groups[i].count,
               groups[i].count == 1 ? "" : "s");
        print_ids(first, groups[i].count);
        printf("\n  %s ", groups[i].count == 1 ? "is" : "the first is");
        print_doing(threads, first->thread);
        putchar('\n');
        print_stack(stdout, first->stack, all_frames);
    }
    free(groups);
}

static void print_groups_json(pid_t pid, struct entry *entries, size_t count, bool all_frames)
{
    struct group *groups;
    size_t group_count = make_groups(entries, count, &groups);
    json_t *document = json_document(pid), *list = json_array();

    for (size_t i = 0; i < group_count; i++) {
        json_t *group = json_object(), *ids = json_array();

        for (size_t j = 0; j < groups[i].count; j++)
            json_array_append_new(ids, json_integer((json_int_t)groups[i].first[j].thread->id));
        json_add(group, "ids", ids);
        json_add(group, "frames", json_frames(groups[i].first->stack, all_frames));
        json_array_append_new(list, group);
    }
    json_add(document, "groups", list);
    json_print_document(document);
    free(groups);
}

static void print_plain(const struct entry *entries, size_t count, bool all_frames)
{
    puts("ID\tFRAME\tFUNCTION\tFILE\tLINE\tOBJECT\tOFFSET\tPC");
    for (size_t e = 0; e < count; e++) {
        const struct stack *stack = entries[e].stack;
        struct frames frames = frames_of(stack, all_frames);

        for (size_t i = 0; i < frames.count; i++) {
            const struct frame *frame = frames.items[i].frame;

            printf("%lu\t%zu\t", stack->id, i);
            print_escaped(stdout, frame->function != NULL ? frame->function : "-");
            putchar('\t');
            print_escaped(stdout, frame->file != NULL ? frame->file : "-");
            printf("\t%d\t", frame->line);
            print_escaped(stdout, frame->object != NULL ? frame->object : "-");
            printf("\t0x%lx\t0x%lx\n", frame->offset, frames.items[i].pc);
        }
    }
}

/* Fetches the threads, then the stacks of those named in @arguments or of all. */
static int fetch(struct connection *connection, char **arguments, struct threads *threads,
                 struct stacks *stacks)
{
    int code = EXIT_OK;

    if (arguments[0] == NULL)
        code = stacks_fetch(connection, 0, stacks);
    for (; code == EXIT_OK && *arguments != NULL; arguments++) {
        uint64_t id = parse_thread_id(*arguments);
        size_t before = stacks->count;

        if (id == 0)
            return EXIT_USAGE;
        code = stacks_fetch(connection, id, stacks);
        if (code == EXIT_OK && stacks->count == before) {
            error(0, 0, "process %d has no thread %lu", (int)connection->pid, id);
            return EXIT_FAILED;
        }
    }
    return code == EXIT_OK ? threads_fetch(connection, threads) : code;
}

static void print(const struct settings *settings, const struct threads *threads,
                  const struct held *held, const struct stacks *stacks)
{
    struct entry *entries = calloc(stacks->count + 1, sizeof(*entries));
    size_t count = 0;

    if (entries == NULL)
        error(EXIT_FAILED, errno, "memory");
    for (size_t i = 0; i < threads->count; i++) {
        const struct stack *stack = stacks_by_id(stacks, threads->items[i].id);

        if (stack != NULL)
            entries[count++] = (struct entry){ &threads->items[i], stack };
    }
    if (settings->json && settings->group) {
        print_groups_json(threads->pid, entries, count, settings->all_frames);
    } else if (settings->json) {
        json_print_stacks(stdout, threads, held, stacks, settings->all_frames);
    } else if (settings->plain) {
        print_plain(entries, count, settings->all_frames);
    } else if (settings->group) {
        print_groups(threads, entries, count, settings->all_frames);
    } else {
        for (size_t i = 0; i < count; i++) {
            if (i > 0)
                putchar('\n');
            print_thread(threads, entries[i].thread, held, entries[i].stack, settings->all_frames);
        }
    }
    free(entries);
}

static int where_run(const struct settings *settings)
{
    static struct connection connection;
    struct threads threads = { 0 };
    struct stacks stacks = { 0 };
    struct held held = { 0 };
    int code = connection_for(settings, &connection);

    if (code != EXIT_OK)
        return code;
    code = image_open(connection.pid);
    if (code == EXIT_OK) {
        code = fetch(&connection, settings->arguments, &threads, &stacks);
        if (code == EXIT_OK)
            code = held_fetch(&connection, &held);
        if (code == EXIT_OK)
            print(settings, &threads, &held, &stacks);
        image_close();
    }
    connection_close(&connection);
    threads_free(&threads);
    stacks_free(&stacks);
    held_free(&held);
    return code;
}

static const struct argp_option where_options[] = {
    OPTION_PROCESS,
    OPTION_CORE,
    { "group", KEY_GROUP, NULL, 0,
      "Print each stack once, with the ids of the threads that have it", 0 },
    { "all-frames", KEY_ALL_FRAMES, NULL, 0, "Print coroshim's own functions, too", 0 },
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_where = {
    .name = "where",
    .arguments = "[ID...]",
    .summary = "print the stacks of threads",
    .description =
        "For each thread, or for those with the given ids: what it is doing, which "
        "locks it holds that others wait for (with CORO_LOCK_SITES=on, any), and its stack, "
        "innermost function first. The process goes on meanwhile.",
    .options = where_options,
    .run = where_run,
};
