/* st_peer yield THREADS MS | handoff cond MS | echo: the same measurements on State Threads.
 *
 * The coroutine library that a programmer would choose who can rewrite the program. It has no
 * yield: a sleep of 0 µs is its way to let the others run.
 */
#include "../programs/bench.h"
#include "../programs/echo.h"

#include <st.h>
#include <stdint.h>
#include <string.h>

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

int main(int argc, char **argv)
{
    void *(*entry)(void *) = yield_main;
    bench_limit(ECHO_LIMIT_S);
    bench_raise_file_limit();
    st_set_eventsys(ST_EVENTSYS_ALT);
    if (st_init())
        bench_fail("st_init failed");
    if (argc == 2 && !strcmp(argv[1], "echo"))
        echo_forever();
    if (argc != 4)
        bench_fail("usage: st_peer yield THREADS MS | handoff cond MS | echo");

    if (!strcmp(argv[1], "yield"))
        threads = bench_number("THREADS", argv[2], 10000);
    else
        entry = handoff_main;
    granted[0] = st_cond_new();
    granted[1] = st_cond_new();
    struct bench_loop loop = { 1, team_body, &entry, (double)threads };
    bench_report(argv[1], bench_ns_per_op(&loop, bench_number("MS", argv[3], 10000)), "ns");
    return 0;
}
