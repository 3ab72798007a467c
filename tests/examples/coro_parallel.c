/* Calls at the same time, with their outcomes in order; and calls at intervals. */
#include <coro.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static double half(int number)
{
    usleep(1000);
    return number % 2 ? coro_fail(EDOM) : number / 2.0;
}

static void count(int *counter)
{
    ++*counter;
}

int main(void)
{
    struct coro_call *calls[4];
    struct coro_outcome outcomes[4];
    int counter = 0;

    for (int i = 0; i < 4; i++)
        calls[i] = coro_bind(half, "d(i)", i + 5);
    if (coro_in_parallel(calls, 4, 0, outcomes) && errno == ECANCELED)
        printf("not all returned\n");
    for (int i = 0; i < 4; i++) {
        if (outcomes[i].error)
            printf("%d: %s\n", i + 5, strerror(outcomes[i].error));
        else
            printf("%d: %g\n", i + 5, outcomes[i].value.d);
        coro_call_free(calls[i]);
    }

    struct coro_task *task = coro_interval(0.002, 1, count, "v(p)", &counter);
    while (coro_task_calls(task) < 5)
        usleep(1000);
    coro_task_stop(task, 0);
    printf("counted: %s\n", counter >= 5 ? "yes" : "no");
    return 0;
}
