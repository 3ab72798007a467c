/* Two threads that take turns. */
#include <coro.h>

#include <stdio.h>

static void count(const char *name)
{
    for (int i = 1; i <= 2; i++) {
        printf("%s %d\n", name, i);
        coro_yield();
    }
}

int main(void)
{
    coro_id threads[] = { coro_spawn("one", count, "v(p)", "one"),
                          coro_spawn("two", count, "v(p)", "two") };
    coro_join_all(threads, 2, CORO_FOREVER, NULL);
    printf("%s\n", coro_is_running() ? "coroutines" : "threads of the kernel");
    return 0;
}
