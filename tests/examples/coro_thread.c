/* A struct by value, a name, a child that fails and how it is told. */
#include <coro.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct point {
    int x;
    double y;
};

static struct point moved(struct point from, int by)
{
    from.x += by;
    return from;
}

static int refuses(void)
{
    return coro_fail(EPERM);
}

int main(void)
{
    struct point start = { 1, 2.5 }, end;
    struct coro_outcome outcome;
    struct coro_info info = { .size = sizeof(info) };

    coro_id mover = coro_new("mover", moved, "{id}({id}i)", &start, 41);
    coro_by_id(mover, &info);
    printf("%s, child of %d\n", info.name, info.parent == coro_current());
    coro_start(mover);
    if (coro_join(mover, CORO_FOREVER, &end) == 0)
        printf("%d %.1f\n", end.x, end.y);

    coro_id other = coro_spawn(NULL, refuses, "i()");
    coro_join_outcome(other, CORO_FOREVER, &outcome);
    printf("%s\n", strerror(outcome.error));

    if (coro_join(other, CORO_FOREVER, NULL))
        printf("again: %s\n", strerror(errno));
    return 0;
}
