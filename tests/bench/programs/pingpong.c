/* pingpong pipe|socketpair MS: two threads send 64 bytes to and fro over descriptors.
 *
 * One operation is one round trip: two writes and two reads, of which each waits for the other
 * thread.
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BYTES = 64 };

/* Member m reads from in[m] and writes to out[m]. */
static int in[2], out[2];

static void receive(int fd, unsigned char expected)
{
    unsigned char data[BYTES];
    size_t have = 0;
    while (have < BYTES) {
        ssize_t got = read(fd, data + have, BYTES - have);
        if (got <= 0)
            bench_fail("read from descriptor %d: %zd", fd, got);
        have += (size_t)got;
    }
    if (data[0] != expected || data[BYTES - 1] != expected)
        bench_fail("read from descriptor %d: wrong data", fd);
}

static void send_all(int fd, unsigned char value)
{
    unsigned char data[BYTES];
    memset(data, value, BYTES);
    if (write(fd, data, BYTES) != BYTES)
        bench_fail("write to descriptor %d: short", fd);
}

static void pingpong_body(void *context, int member, long count)
{
    (void)context;
    for (long i = 0; i < count; i++) {
        if (member == 0)
            send_all(out[0], (unsigned char)i);
        receive(in[member], (unsigned char)i);
        if (member == 1)
            send_all(out[1], (unsigned char)i);
    }
}

int main(int argc, char **argv)
{
    bench_limit(60);
    if (argc != 3)
        bench_fail("usage: pingpong pipe|socketpair MS");
    int there[2], back[2];
    if (!strcmp(argv[1], "pipe")) {
        if (pipe(there) || pipe(back))
            bench_fail("pipe: failed");
        in[0] = back[0], out[0] = there[1];
        in[1] = there[0], out[1] = back[1];
    } else if (!strcmp(argv[1], "socketpair")) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, there))
            bench_fail("socketpair: failed");
        in[0] = out[0] = there[0];
        in[1] = out[1] = there[1];
    } else {
        bench_fail("%s: unknown kind of channel", argv[1]);
    }
    struct bench_loop loop = { 2, pingpong_body, NULL, 1 };
    bench_report("round_trip", bench_ns_per_op(&loop, bench_number("MS", argv[2], 10000)), "ns");
    return 0;
}
