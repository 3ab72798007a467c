/* Two threads that call any function, and one that gives up after a while. */
#include <coro.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static double power(double base, int exponent)
{
    return exponent ? base * power(base, exponent - 1) : 1;
}

int main(void)
{
    double small, large;
    coro_id first = coro_spawn(NULL, power, "d(d,i)", 2.0, 10);
    coro_id second = coro_spawn(NULL, power, "d(d,i)", 10.0, 3);
    coro_join(first, CORO_FOREVER, &small);
    coro_join(second, CORO_FOREVER, &large);
    printf("%g and %g\n", small, large);

    if (coro_with_timeout(0.01, NULL, pause, "i()"))
        printf("pause: %s\n", strerror(errno));
    return 0;
}
