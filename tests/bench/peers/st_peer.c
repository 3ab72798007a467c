/* st_peer yield THREADS MS | handoff cond MS | channel MS | mailbox MS | spawn MS | timers THREADS MS |
 * echo: the same measurements on State Threads.
 *
 * The coroutine library that a programmer would choose who can rewrite the program. It has no
 * yield: a sleep of 0 µs is its way to let the others run.
 */
#include "../programs/bench.h"
#include "../programs/echo.h"

#include <st.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long threads = 2;
static long turns;
static st_cond_t granted[2];
static intptr_t turn;

static void *yield_main(void *argument)
{
    for (long i = 0; i < turns; i++)
        st_usleep(0);
    return argument;
}

static void *handoff_main(void *argument)
{
    intptr_t self = (intptr_t)argument;
    for (long i = 0; i < turns; i++) {
        while (turn != self)
            st_cond_wait(granted[self]);
        turn = !self;
        st_cond_signal(granted[!self]);
    }
    return NULL;
}

/* A channel without a place of its own, of conditions: there is no lock to take. */
static st_cond_t given, taken;
static intptr_t handed;
static int full;

static void *channel_main(void *argument)
{
    for (long i = 0; i < turns; i++) {
        if (argument) {
            while (!full)
                st_cond_wait(given);
            if (handed != i)
                bench_fail("channel: a wrong value");
            full = 0;
            st_cond_signal(taken);
        } else {
            handed = i;
            full = 1;
            st_cond_signal(given);
            while (full)
                st_cond_wait(taken);
        }
    }
    return NULL;
}

enum { ROOM = 1000 };
static intptr_t ring[ROOM];
static long first, inside;

static void *mailbox_main(void *argument)
{
    for (long i = 0; i < turns; i++) {
        if (argument) {
            while (!inside)
                st_cond_wait(given);
            if (ring[first] != i)
                bench_fail("mailbox: a wrong message");
            first = (first + 1) % ROOM;
            inside--;
            st_cond_signal(taken);
        } else {
            while (inside == ROOM)
                st_cond_wait(taken);
            ring[(first + inside++) % ROOM] = i;
            st_cond_signal(given);
        }
    }
    return NULL;
}

static void *next_main(void *number)
{
    return (void *)((intptr_t)number + 1);
}

static void *spawn_main(void *argument)
{
    for (intptr_t i = 0; i < turns; i++) {
        void *result;
        st_thread_join(st_thread_create(next_main, (void *)i, 1, 0), &result);
        if (result != (void *)(i + 1))
            bench_fail("spawn: a wrong result");
    }
    return argument;
}

static long pending, most, shortest_us;

static void *sleeper_main(void *seed)
{
    unsigned state = (unsigned)(uintptr_t)seed;
    st_cond_wait(given);
    pending++;
    if (most < pending)
        most = pending;
    st_usleep((st_utime_t)((double)shortest_us * (1 + (double)rand_r(&state) / RAND_MAX)));
    pending--;
    return NULL;
}

static double process_cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void timers(long count, long shortest_ms)
{
    st_thread_t *sleepers = malloc((size_t)count * sizeof(*sleepers));
    shortest_us = shortest_ms * 1000;
    for (long i = 0; i < count; i++) {
        sleepers[i] = st_thread_create(sleeper_main, (void *)(uintptr_t)i, 1, 16384);
        if (!sleepers[i])
            bench_fail("st_thread_create: failed at thread %ld", i);
    }
    st_usleep(0); /* they run, and wait */
    double cpu = process_cpu_ns();
    st_cond_broadcast(given);
    for (long i = 0; i < count; i++)
        st_thread_join(sleepers[i], NULL);
    bench_report("cpu", (process_cpu_ns() - cpu) / (double)count, "ns/sleep");
    bench_report("pending", (double)most, "threads");
    free(sleepers);
}

static void team_body(void *context, int member, long count)
{
    void *(*entry)(void *) = *(void *(**)(void *))context;
    st_thread_t team[10000];
    (void)member;
    turns = count;
    for (long i = 0; i < threads; i++)
        team[i] = st_thread_create(entry, (void *)(intptr_t)i, 1, 0);
    for (long i = 0; i < threads; i++)
        st_thread_join(team[i], NULL);
}

static void *serve(void *argument)
{
    char buffer[ECHO_BUFFER_BYTES];
    ssize_t got;
    while ((got = st_read(argument, buffer, sizeof buffer, ST_UTIME_NO_TIMEOUT)) > 0)
        if (st_write(argument, buffer, (size_t)got, ST_UTIME_NO_TIMEOUT) != got)
            break;
    st_netfd_close(argument);
    return NULL;
}

static void echo_forever(void)
{
    st_netfd_t listener = st_netfd_open_socket(echo_listen());
    for (;;) {
        st_netfd_t connection = st_accept(listener, NULL, NULL, ST_UTIME_NO_TIMEOUT);
        if (!connection)
            bench_fail("st_accept failed");
        echo_no_delay(st_netfd_fileno(connection));
        if (!st_thread_create(serve, connection, 0, 0))
            bench_fail("st_thread_create failed");
    }
}

static const struct kind {
    const char *name;
    void *(*entry)(void *);
    long threads;      /* 0: as the command says */
    double operations; /* of one turn of all */
} kinds[] = {
    { "yield", yield_main, 0, 0 },     { "handoff", handoff_main, 2, 2 },
    { "channel", channel_main, 2, 1 }, { "mailbox", mailbox_main, 2, 1 },
    { "spawn", spawn_main, 1, 1 },
};

static void measure(const struct kind *kind, int argc, char **argv)
{
    void *(*entry)(void *) = kind->entry;
    threads = kind->threads ? kind->threads : bench_number("THREADS", argv[2], 10000);
    struct bench_loop loop = { 1, team_body, &entry,
                               kind->operations > 0 ? kind->operations : (double)threads };
    bench_report(kind->name, bench_ns_per_op(&loop, bench_number("MS", argv[argc - 1], 10000)),
                 "ns");
}

int main(int argc, char **argv)
{
    bench_limit(argc > 1 && !strcmp(argv[1], "timers") ? 240 : ECHO_LIMIT_S);
    bench_raise_file_limit();
    st_set_eventsys(ST_EVENTSYS_ALT);
    if (st_init())
        bench_fail("st_init failed");
    granted[0] = st_cond_new();
    granted[1] = st_cond_new();
    given = st_cond_new();
    taken = st_cond_new();
    if (argc == 2 && !strcmp(argv[1], "echo"))
        echo_forever();
    if (argc == 4 && !strcmp(argv[1], "timers")) {
        timers(bench_number("THREADS", argv[2], 2000000), bench_number("MS", argv[3], 60000));
        return 0;
    }
    for (size_t i = 0; argc > 2 && i < sizeof kinds / sizeof *kinds; i++) {
        if (!strcmp(argv[1], kinds[i].name)) {
            measure(&kinds[i], argc, argv);
            return 0;
        }
    }
    bench_fail(
        "usage: st_peer yield THREADS MS | handoff cond MS | channel MS | mailbox MS | spawn MS"
        " | timers THREADS MS | echo");
}
