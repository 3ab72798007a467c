/* yield THREADS MS: sched_yield() between THREADS threads that do nothing else.
 *
 * On one core a yield is a switch to the next thread; on several the kernel mostly returns at once
 * to the caller, who has a core of its own.
 */
#include "bench.h"

#include <sched.h>

static void yield_body(void *context, int member, long count)
{
    (void)context, (void)member;
    while (count--)
        sched_yield();
}

int main(int argc, char **argv)
{
    bench_limit(60);
    if (argc != 3)
        bench_fail("usage: yield THREADS MS");
    int threads = (int)bench_number("THREADS", argv[1], 10000);
    struct bench_loop loop = { threads, yield_body, 0, threads };
    bench_report("yield", bench_ns_per_op(&loop, bench_number("MS", argv[2], 10000)), "ns");
    return 0;
}
