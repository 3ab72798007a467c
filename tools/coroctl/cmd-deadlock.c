/* coroctl deadlock: cycles of threads that wait for each other. */
#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdlib.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/cycles.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/print.h"
#include "tools/coroctl/text.h"

struct search {
    struct connection *connection;
    struct listings listings;
    struct stacks stacks;
    struct held held;
    json_t *cycles;
    size_t count;   /* of cycles, printed as rows */
    bool forgotten; /* a lock that was taken nobody knows where */
    int code;
};

/* What @thread holds and the one before it in the cycle waits for. */
static void print_held(struct search *search, const struct co_info *thread)
{
    const struct co_info *waiter = cycle_before(&search->listings.now, thread);
    struct lock_site_reply site;

    if (waiter->wait_kind == WAIT_JOIN)
        return;
    printf("    holds %s 0x%lx", wait_word(waiter->wait_kind), waiter->wait_addr);
    if (lock_site_fetch(search->connection, waiter, thread, &site)) {
        fputs(", taken ", stdout);
        print_duration(stdout, site.held_ns);
        fputs(" ago at ", stdout);
        print_call_site(site.pc);
    } else if (!site.remembers) {
        search->forgotten = true;
    }
    putchar('\n');
}

/* NULL: there is none. */
static const struct stack *stack_of(struct search *search, const struct co_info *thread)
{
    search->code = stacks_fetch(search->connection, thread->id, &search->stacks);
    return stacks_by_id(&search->stacks, thread->id);
}

/* What else it holds, which nobody in the cycle waits for. */
static void print_also_held(const struct search *search, const struct co_info *thread)
{
    const struct co_info *waiter = cycle_before(&search->listings.now, thread);
    size_t count;
    const struct held_lock *locks = held_by(&search->held, thread->tid, &count);

    for (size_t i = 0; i < count; i++) {
        if (locks[i].address == waiter->wait_addr)
            continue;
        printf("    also holds %s 0x%lx", wait_word(locks[i].kind), locks[i].address);
        print_taken(&locks[i]);
        putchar('\n');
    }
}

static void print_member(struct search *search, const struct co_info *thread)
{
    const struct co_info *owner = waits_for(&search->listings.now, thread);
    const struct stack *stack;

    fputs("  ", stdout);
    print_name(thread);
    putchar('\n');
    print_held(search, thread);
    print_also_held(search, thread);
    printf("    waits for thread %lu: ", owner->id);
    print_doing(&search->listings.now, thread);
    putchar('\n');
    stack = stack_of(search, thread);
    if (stack != NULL)
        print_stack(stdout, stack, false);
}

static void print_cycle(void *context, const struct co_info *first)
{
    struct search *search = context;
    const struct co_info *thread = first;
    size_t length = 0;

    do {
        length++;
        thread = waits_for(&search->listings.now, thread);
    } while (thread != first);
    if (length == 1)
        puts("deadlock: a thread waits for itself");
    else
        printf("deadlock: %zu threads wait for each other\n", length);
    do {
        print_member(search, thread);
        thread = waits_for(&search->listings.now, thread);
    } while (thread != first && search->code == EXIT_OK);
}

static json_t *member_object(struct search *search, const struct co_info *thread)
{
    const struct co_info *owner = waits_for(&search->listings.now, thread);
    const struct co_info *waiter = cycle_before(&search->listings.now, thread);
    const struct stack *stack = stack_of(search, thread);
    struct lock_site_reply site;
    json_t *member = json_pack("{s:I, s:o, s:s, s:o, s:I, s:I}", "id", (json_int_t)thread->id,
                               "name", text_json(thread->name), "on", wait_word(thread->wait_kind),
                               "address", json_sprintf("0x%lx", thread->wait_addr), "for_ns",
                               (json_int_t)thread->state_ns, "waits_for_id", (json_int_t)owner->id);

    if (stack != NULL)
        json_add(member, "frames", json_frames(stack, false));
    if (waiter->wait_kind == WAIT_JOIN)
        return member;
    json_object_set_new(member, "holds", json_sprintf("0x%lx", waiter->wait_addr));
    if (lock_site_fetch(search->connection, waiter, thread, &site)) {
        json_object_set_new(member, "taken_pc", json_sprintf("0x%lx", site.pc));
        json_object_set_new(member, "held_ns", json_integer((json_int_t)site.held_ns));
    }
    return member;
}

static void add_cycle(void *context, const struct co_info *first)
{
    struct search *search = context;
    const struct co_info *thread = first;
    json_t *cycle = json_array();

    do {
        json_array_append_new(cycle, member_object(search, thread));
        thread = waits_for(&search->listings.now, thread);
    } while (thread != first && search->code == EXIT_OK);
    json_array_append_new(search->cycles, cycle);
}

/* The last columns: what it holds, where it took that and how long ago. */
static void print_held_plain(struct search *search, const struct co_info *thread)
{
    const struct co_info *waiter = cycle_before(&search->listings.now, thread);
    struct lock_site_reply site;

    if (waiter->wait_kind == WAIT_JOIN) {
        fputs("\t-\t-\t-\n", stdout);
        return;
    }
    printf("\t0x%lx\t", waiter->wait_addr);
    if (!lock_site_fetch(search->connection, waiter, thread, &site)) {
        fputs("-\t-\n", stdout);
        return;
    }
    print_call_site(site.pc);
    printf("\t%lu\n", site.held_ns);
}

static void print_row(void *context, const struct co_info *first)
{
    struct search *search = context;
    const struct co_info *thread = first;

    search->count++;
    do {
        const struct co_info *owner = waits_for(&search->listings.now, thread);

        printf("%zu\t%lu\t", search->count, thread->id);
        print_escaped(stdout, thread->name[0] != '\0' ? thread->name : "-");
        printf("\t%s\t0x%lx\t%lu\t%lu", wait_word(thread->wait_kind), thread->wait_addr,
               thread->state_ns, owner->id);
        print_held_plain(search, thread);
        thread = owner;
    } while (thread != first);
}

static int report_plain(struct search *search)
{
    puts("CYCLE\tID\tNAME\tON\tADDRESS\tFOR_NS\tWAITS_FOR_ID\tHOLDS\tTAKEN\tHELD_NS");
    return cycles_find(&search->listings, print_row, search) > 0 ? EXIT_DEADLOCK : EXIT_OK;
}

static json_t *waits_array(const struct threads *threads)
{
    json_t *waits = json_array();

    for (size_t i = 0; i < threads->count; i++) {
        const struct co_info *thread = &threads->items[i];

        if (thread->state != CO_NEW)
            json_array_append_new(
                waits, json_pack("{s:I, s:o, s:s, s:o, s:I}", "id", (json_int_t)thread->id, "name",
                                 text_json(thread->name), "on", wait_word(thread->wait_kind),
                                 "address", json_sprintf("0x%lx", thread->wait_addr), "for_ns",
                                 (json_int_t)thread->state_ns));
    }
    return waits;
}

static int report_json(struct search *search)
{
    json_t *document;
    size_t cycles;

    search->cycles = json_array();
    cycles = cycles_find(&search->listings, add_cycle, search);
    if (search->code != EXIT_OK) {
        json_decref(search->cycles);
        return search->code;
    }
    document = json_document(search->listings.now.pid);
    json_add(document, "deadlocks", search->cycles);
    if (cycles == 0 && all_wait(&search->listings))
        json_add(document, "all_wait", waits_array(&search->listings.now));
    json_print_document(document);
    return cycles > 0 ? EXIT_DEADLOCK : EXIT_OK;
}

static void print_unknown(const struct threads *threads)
{
    size_t count = 0;

    for (size_t i = 0; i < threads->count; i++)
        count += waits_for_unknown(&threads->items[i]);
    if (count > 0)
        printf("%zu thread%s for a semaphore, or a read-write lock that readers hold: nobody knows "
               "who would have to release it\n",
               count, count == 1 ? " waits" : "s wait");
}

/* No cycle proves it, but it looks as if nobody could go on. */
static void print_standstill(const struct threads *threads)
{
    puts("but every thread waits, without a deadline, for what another would have to do:");
    for (size_t i = 0; i < threads->count; i++) {
        if (threads->items[i].state == CO_NEW)
            continue;
        fputs("  ", stdout);
        print_name(&threads->items[i]);
        fputs(": ", stdout);
        print_doing(threads, &threads->items[i]);
        putchar('\n');
    }
}

static int report_text(struct search *search)
{
    const struct threads *threads = &search->listings.now;
    size_t cycles;

    search->code = held_fetch(search->connection, &search->held);
    cycles = search->code == EXIT_OK ? cycles_find(&search->listings, print_cycle, search) : 0;
    if (search->code != EXIT_OK)
        return search->code;
    if (cycles == 0)
        printf("no deadlock among %zu threads\n", threads->count);
    if (cycles == 0 && all_wait(&search->listings))
        print_standstill(threads);
    if (search->forgotten)
        puts("where locks were taken is remembered with CORO_LOCK_SITES=on");
    print_unknown(threads);
    return cycles > 0 ? EXIT_DEADLOCK : EXIT_OK;
}

static int report(struct search *search, const struct settings *settings)
{
    int code = image_open(search->listings.now.pid);

    if (code != EXIT_OK)
        return code;
    code = settings->json    ? report_json(search)
           : settings->plain ? report_plain(search)
                             : report_text(search);
    image_close();
    stacks_free(&search->stacks);
    held_free(&search->held);
    return code;
}

static int deadlock_run(const struct settings *settings)
{
    static struct connection connection;
    struct search search = { .connection = &connection };
    int code = connection_for(settings, &connection);

    if (code != EXIT_OK)
        return code;
    code = listings_fetch(&connection, &search.listings);
    if (code == EXIT_OK)
        code = report(&search, settings);
    listings_free(&search.listings);
    connection_close(&connection);
    return code;
}

static const struct argp_option deadlock_options[] = {
    OPTION_PROCESS, OPTION_CORE, OPTION_JSON, OPTION_PLAIN, { 0 },
};

const struct command command_deadlock = {
    .name = "deadlock",
    .summary = "find threads that wait for each other",
    .description =
        "Follows mutexes and read-write locks to their holders, and joins to the threads "
        "joined. For each cycle: its threads, what they hold, since when and from where, "
        "what they wait on and for how long, and their stacks. Exits with 6 when there "
        "is one. Without one, but with every thread waiting for what another would have to "
        "do, says so, too.",
    .options = deadlock_options,
    .run = deadlock_run,
};
