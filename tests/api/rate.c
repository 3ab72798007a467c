/* What coro_rate achieves beside load: a line "asked achieved" for each rate; plot-rate draws them. */
#include <coro.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SECONDS     1.0
#define LOAD        20   /* threads */
#define LOAD_WORK   2000 /* turns of a loop, some microseconds */
#define CALLS_LEAST 20

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void work(void)
{
    for (volatile int i = 0; i < LOAD_WORK; i++)
        ;
}

static void measure(double asked)
{
    double seconds = CALLS_LEAST / asked > SECONDS ? CALLS_LEAST / asked : SECONDS;
    double began = now_seconds();
    struct coro_task *task = coro_rate(asked, work, "v()");
    usleep((useconds_t)(seconds * 1e6));
    double achieved = (double)coro_task_calls(task) / (now_seconds() - began);
    coro_task_stop(task, 0);
    printf("%g %g\n", asked, achieved);
}

int main(void)
{
    static const double rates[] = { 10, 30, 100, 300, 1000, 3000, 10000, 30000 };
    for (int i = 0; i < LOAD; i++)
        coro_interval(0.001, 1, work, "v()");
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
        measure(rates[i]);
    return 0;
}
