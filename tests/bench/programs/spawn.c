/* spawn MS: a function called in a thread of its own, and its result, one after the other: coro_spawn and
 * coro_join where coroshim is there, otherwise pthread_create and pthread_join.
 */
#include "bench.h"

#include <coro.h>
#include <stdint.h>

static long next(long number)
{
    return number + 1;
}

static void *next_main(void *number)
{
    return (void *)next((intptr_t)number);
}

static long by_pthreads(long number)
{
    void *result;
    if (pthread_join(bench_thread(next_main, (void *)(intptr_t)number), &result))
        bench_fail("pthread_join failed");
    return (intptr_t)result;
}

static long by_coroshim(long number)
{
    long result = 0;
    coro_id id = coro_spawn(NULL, next, "l(l)", number);
    if (!id || coro_join(id, CORO_FOREVER, &result) != 0)
        bench_fail("coro_spawn or coro_join failed");
    return result;
}

static void body(void *context, int member, long count)
{
    int here = *(int *)context;
    (void)member;
    for (long i = 0; i < count; i++)
        if ((here ? by_coroshim(i) : by_pthreads(i)) != i + 1)
            bench_fail("spawn: a wrong result");
}

int main(int argc, char **argv)
{
    bench_limit(60);
    if (argc != 2)
        bench_fail("usage: spawn MS");
    bench_thread(next_main, NULL);
    int here = coro_is_running();
    struct bench_loop loop = { 1, body, &here, 1 };
    bench_report("spawn", bench_ns_per_op(&loop, bench_number("MS", argv[1], 10000)), "ns");
    return 0;
}
