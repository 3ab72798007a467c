/* libgomp: reductions, critical sections, barriers, single, ordered and dynamic loops, tasks. Its
 * threads busy-wait on memory before they sleep on a futex of their own. */
#include "test.h"

#include <omp.h>

#define TEAM 6

static void loops(void)
{
    long sum = 0, dynamic = 0;
    static int order[50];
    int at = 0;
#pragma omp parallel for reduction(+ : sum) num_threads(TEAM)
    for (int i = 1; i <= 100000; i++)
        sum += i;
#pragma omp parallel for schedule(dynamic, 7) reduction(+ : dynamic) num_threads(TEAM)
    for (int i = 1; i <= 10000; i++)
        dynamic += i;
#pragma omp parallel for ordered schedule(dynamic, 1) num_threads(TEAM)
    for (int i = 0; i < 50; i++) {
#pragma omp ordered
        order[at++] = i;
    }
    for (int i = 0; i < 50; i++)
        CHECK_EQ(order[i], i);
    printf("sums %ld %ld\n", sum, dynamic);
}

static void regions(void)
{
    int team = 0, singles = 0, inside = 0, arrived[40] = { 0 };
    long critical = 0;
#pragma omp parallel num_threads(TEAM)
    {
#pragma omp master
        team = omp_get_num_threads();
        for (int round = 0; round < 40; round++) {
#pragma omp critical
            {
                CHECK_EQ(inside++, 0);
                critical++;
                inside--;
            }
#pragma omp atomic
            arrived[round]++;
#pragma omp barrier
            CHECK_EQ(arrived[round], TEAM);
#pragma omp single
            singles++;
        }
    }
    printf("team %d, critical %ld, singles %d\n", team, critical, singles);
}

static int fibonacci(int n)
{
    int a, b;
    if (n < 2)
        return n;
#pragma omp task shared(a) if (n > 8)
    a = fibonacci(n - 1);
#pragma omp task shared(b) if (n > 8)
    b = fibonacci(n - 2);
#pragma omp taskwait
    return a + b;
}

static void tasks(void)
{
    int result = 0, locked = 0;
    omp_lock_t lock;
    omp_init_lock(&lock);
#pragma omp parallel num_threads(TEAM)
    {
#pragma omp single
        result = fibonacci(16);
        omp_set_lock(&lock);
        locked++;
        omp_unset_lock(&lock);
    }
    omp_destroy_lock(&lock);
    printf("tasks %d, locked %d\n", result, locked);
}

/* A team for each of several POSIX threads. */
static void *own_team(void *arg)
{
    long sum = 0;
#pragma omp parallel for reduction(+ : sum) num_threads(3)
    for (int i = 0; i < 1000; i++)
        sum += i;
    CHECK_EQ(sum, 499500);
    return arg;
}

int main(void)
{
    pthread_t threads[4];
    loops();
    regions();
    tasks();
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(own_team, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("a team in each thread");
    return 0;
}
