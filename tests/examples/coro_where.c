/* What every thread is doing. */
#include <coro.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void doze(void)
{
    for (;;)
        pause();
}

static void print(void *dozing, coro_id id, const char *name, const char *where)
{
    (void)id;
    if (!strcmp(name, "sleeper"))
        *(int *)dozing += strstr(where, "pause") && strstr(where, "doze");
}

int main(void)
{
    coro_id sleepers[3];
    int dozing = 0;
    for (int i = 0; i < 3; i++)
        sleepers[i] = coro_spawn("sleeper", doze, "v()");
    usleep(10000);
    printf("%d threads\n", (int)coro_where_all(print, &dozing));
    printf("%d of them in pause, called by doze\n", dozing);
    for (int i = 0; i < 3; i++)
        coro_shutdown(sleepers[i]);
    return 0;
}
