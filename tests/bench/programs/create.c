/* create join|batch|detached MS: what a thread costs from creation to its end.
 *
 * join: created and joined one by one. batch: 64 created, then 64 joined. detached: created
 * detached with at most 64 alive, so that stacks are freed by the threads themselves.
 */
#include "bench.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum { IN_FLIGHT = 64 };

static atomic_long ran;
static sem_t free_places;

static void *thread_main(void *argument)
{
    ran++;
    return argument;
}

static void join_checked(pthread_t thread, void *expected)
{
    void *result;
    if (pthread_join(thread, &result) || result != expected)
        bench_fail("join: wrong result of a thread");
}

static void join_body(void *context, int member, long count)
{
    (void)context, (void)member;
    while (count--) {
        void *token = (void *)(intptr_t)count;
        join_checked(bench_thread(thread_main, token), token);
    }
}

static void batch_body(void *context, int member, long count)
{
    pthread_t threads[IN_FLIGHT];
    (void)context, (void)member;
    while (count--) {
        for (int i = 0; i < IN_FLIGHT; i++)
            threads[i] = bench_thread(thread_main, &threads[i]);
        for (int i = 0; i < IN_FLIGHT; i++)
            join_checked(threads[i], &threads[i]);
    }
}

static void *detached_main(void *argument)
{
    ran++;
    sem_post(&free_places);
    return argument;
}

static void detached_body(void *context, int member, long count)
{
    (void)member;
    while (count--) {
        pthread_t thread;
        sem_wait(&free_places);
        int error = pthread_create(&thread, context, detached_main, NULL);
        if (error)
            bench_fail("pthread_create: %s", strerror(error));
    }
    for (int i = 0; i < IN_FLIGHT; i++)
        sem_wait(&free_places);
    for (int i = 0; i < IN_FLIGHT; i++)
        sem_post(&free_places);
}

int main(int argc, char **argv)
{
    bench_limit(60);
    if (argc != 3)
        bench_fail("usage: create join|batch|detached MS");
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sem_init(&free_places, 0, IN_FLIGHT);

    struct bench_loop loop = { 1, join_body, &detached, 1 };
    if (!strcmp(argv[1], "batch"))
        loop.body = batch_body, loop.ops_per_count = IN_FLIGHT;
    else if (!strcmp(argv[1], "detached"))
        loop.body = detached_body;
    else if (strcmp(argv[1], "join"))
        bench_fail("%s: unknown kind of creation", argv[1]);

    double ns = bench_ns_per_op(&loop, bench_number("MS", argv[2], 10000));
    if (!ran)
        bench_fail("%s: no thread ran", argv[1]);
    bench_report("create", ns / 1e3, "us");
    return 0;
}
