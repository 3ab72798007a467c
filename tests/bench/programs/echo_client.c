/* echo_client PORT CONNECTIONS BYTES MS SERVER_PID: load for the echo servers, in a closed loop.
 *
 * Every connection has exactly one message under way: it sends BYTES, waits for them to come back,
 * checks them, and sends the next. One thread drives all over an edge-triggered epoll. After a
 * warm-up of MS/4 it measures for MS. Latencies go into a histogram with 64 steps to the octave
 * (error below 2 %). `longest_wait` includes the messages that are still under way at the end, so
 * that a connection which is never served shows. `client_cpu` near 1 says that the client was the
 * limit; `server_cpu` per request tells servers apart even then.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "echo.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, MAX_BYTES = ECHO_BUFFER_BYTES, STEPS = 64, BUCKETS = 64 * STEPS };

struct connection {
    int fd;
    size_t received;
    uint64_t sequence; /* the head of the message under way */
    uint64_t sent_ns;
};

static struct connection *connections;
static long connection_count;
static size_t message_bytes;
static int poller;
static unsigned char message[MAX_BYTES];
static uint64_t latencies[BUCKETS];
static uint64_t requests;
static uint64_t longest_ns;

static unsigned bucket_of(uint64_t ns)
{
    if (ns < STEPS)
        return (unsigned)ns;
    unsigned octave = 63u - (unsigned)__builtin_clzll(ns) - 6u;
    return (octave + 1) * STEPS + (unsigned)((ns >> octave) - STEPS);
}

static double bucket_us(unsigned bucket)
{
    if (bucket < STEPS)
        return bucket / 1e3;
    unsigned octave = bucket / STEPS - 1;
    return (double)((uint64_t)(bucket % STEPS + STEPS) << octave) / 1e3;
}

static double percentile_us(double fraction)
{
    uint64_t rank = (uint64_t)((double)requests * fraction), seen = 0;
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        seen += latencies[bucket];
        if (seen > rank)
            return bucket_us(bucket);
    }
    return 0;
}

static void send_next(struct connection *connection, uint64_t now_ns)
{
    connection->sequence++;
    connection->received = 0;
    connection->sent_ns = now_ns;
    memcpy(message, &connection->sequence, sizeof connection->sequence);
    if (send(connection->fd, message, message_bytes, MSG_NOSIGNAL) != (ssize_t)message_bytes)
        bench_fail("send on connection %td: %s", connection - connections, strerror(errno));
}

/* Takes what has come; returns whether the whole message is back. */
static int receive_echo(struct connection *connection)
{
    static unsigned char data[MAX_BYTES];
    while (connection->received < message_bytes) {
        size_t offset = connection->received;
        ssize_t got = recv(connection->fd, data + offset, message_bytes - offset, 0);
        if (got < 0 && errno == EAGAIN)
            return 0;
        if (got <= 0)
            bench_fail("connection %td: closed by the server", connection - connections);
        memcpy(message, &connection->sequence, sizeof connection->sequence);
        if (memcmp(data + offset, message + offset, (size_t)got))
            bench_fail("connection %td: wrong echo", connection - connections);
        connection->received += (size_t)got;
    }
    return 1;
}

static void connect_all(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (long i = 0; i < connection_count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
            bench_fail("connection %ld: %s", i, strerror(errno));
        echo_no_delay(fd);
        connections[i] = (struct connection){ .fd = fd, .sequence = (uint64_t)i << 32 };
        /* One exchange by itself: from now on the server has a thread for this connection, and
         * its creation is no part of the figures. */
        send_next(&connections[i], 0);
        receive_echo(&connections[i]);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = &connections[i] };
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event))
            bench_fail("epoll_ctl: %s", strerror(errno));
    }
}

static void exchange_until(uint64_t end_ns)
{
    static struct epoll_event events[EVENTS];
    for (uint64_t now_ns = bench_now_ns(); now_ns < end_ns;) {
        int ready = epoll_wait(poller, events, EVENTS, 1000);
        now_ns = bench_now_ns();
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!receive_echo(connection))
                continue;
            now_ns = bench_now_ns();
            uint64_t took_ns = now_ns - connection->sent_ns;
            latencies[bucket_of(took_ns)]++;
            if (took_ns > longest_ns)
                longest_ns = took_ns;
            requests++;
            send_next(connection, now_ns);
        }
    }
}

static double clock_s(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now))
        bench_fail("CPU clock of the server: %s", strerror(errno));
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t longest_wait(uint64_t now_ns)
{
    for (long i = 0; i < connection_count; i++)
        if (now_ns - connections[i].sent_ns > longest_ns)
            longest_ns = now_ns - connections[i].sent_ns;
    return longest_ns;
}

static void measure(uint64_t duration_ns, clockid_t server_clock)
{
    memset(latencies, 0, sizeof latencies);
    requests = longest_ns = 0;
    double client_s = clock_s(CLOCK_PROCESS_CPUTIME_ID), server_s = clock_s(server_clock);
    uint64_t start_ns = bench_now_ns();
    exchange_until(start_ns + duration_ns);
    uint64_t end_ns = bench_now_ns();
    double elapsed_s = (double)(end_ns - start_ns) / 1e9;
    client_s = clock_s(CLOCK_PROCESS_CPUTIME_ID) - client_s;
    server_s = clock_s(server_clock) - server_s;
    if (!requests)
        bench_fail("no request was answered");

    bench_report("requests", (double)requests / elapsed_s, "1/s");
    bench_report("latency_p50", percentile_us(0.50), "us");
    bench_report("latency_p99", percentile_us(0.99), "us");
    bench_report("longest_wait", (double)longest_wait(end_ns) / 1e3, "us");
    bench_report("server_cpu", server_s * 1e6 / (double)requests, "us/request");
    bench_report("client_cpu", client_s / elapsed_s, "core");
}

int main(int argc, char **argv)
{
    bench_limit(60);
    if (argc != 6)
        bench_fail("usage: echo_client PORT CONNECTIONS BYTES MS SERVER_PID");
    uint16_t port = (uint16_t)bench_number("PORT", argv[1], 65535);
    connection_count = bench_number("CONNECTIONS", argv[2], 100000);
    message_bytes = (size_t)bench_number("BYTES", argv[3], MAX_BYTES);
    uint64_t duration_ns = (uint64_t)bench_number("MS", argv[4], 30000) * 1000000u;
    clockid_t server_clock;
    if (clock_getcpuclockid((pid_t)bench_number("SERVER_PID", argv[5], 1 << 30), &server_clock))
        bench_fail("SERVER_PID: no such process");
    if (message_bytes < sizeof(uint64_t))
        bench_fail("BYTES: at least %zu, for the sequence number", sizeof(uint64_t));

    bench_raise_file_limit();
    poller = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc((size_t)connection_count, sizeof *connections);
    if (poller < 0 || !connections)
        bench_fail("set-up: %s", strerror(errno));
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (unsigned char)(i * 7);

    connect_all(port);
    for (long i = 0; i < connection_count; i++)
        send_next(&connections[i], bench_now_ns());
    exchange_until(bench_now_ns() + duration_ns / 4);

    measure(duration_ns, server_clock);
    return 0;
}
