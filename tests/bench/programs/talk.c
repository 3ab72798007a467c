/* talk channel|mailbox MS: one thread gives another values, one operation each.
 *
 * channel: without a place in between, so that every value is a hand-over. mailbox: up to 1,000
 * messages may be on their way.
 */
#include "bench.h"
#include "meet.h"

#include <string.h>

static pthread_barrier_t ready;

static void channel_body(void *context, int member, long count)
{
    (void)context;
    for (long i = 0; i < count; i++) {
        if (!member)
            meet_channel_put(i);
        else if (meet_channel_get() != i)
            bench_fail("channel: a wrong value");
    }
}

static void mailbox_body(void *context, int member, long count)
{
    (void)context;
    if (member)
        meet_mailbox_init();
    pthread_barrier_wait(&ready);
    for (long i = 0; i < count; i++) {
        if (!member)
            meet_mailbox_put(i);
        else if (meet_mailbox_get() != i)
            bench_fail("mailbox: a wrong message");
    }
}

int main(int argc, char **argv)
{
    bench_limit(60);
    if (argc != 3 || (strcmp(argv[1], "channel") && strcmp(argv[1], "mailbox")))
        bench_fail("usage: talk channel|mailbox MS");
    int is_channel = !strcmp(argv[1], "channel");
    struct bench_loop loop = { 2, is_channel ? channel_body : mailbox_body, NULL, 1 };
    pthread_barrier_init(&ready, NULL, 2);
    if (is_channel)
        meet_channel_init();
    bench_report(argv[1], bench_ns_per_op(&loop, bench_number("MS", argv[2], 10000)), "ns");
    return 0;
}
