/* A main loop of the program's own, which says when others run. */
#include <coro.h>

#include <stdio.h>
#include <unistd.h>

static volatile int done;

static void work(void)
{
    for (int i = 1; i <= 3; i++) {
        printf("step %d\n", i);
        usleep(1000);
    }
    done = 1;
}

int main(void)
{
    coro_id worker = coro_spawn(NULL, work, "v()");
    double seconds;
    while (!done) {
        if (coro_run_once(&seconds) == 0 && seconds > 0 && seconds < 1)
            usleep(
                (useconds_t)(seconds * 1e6)); /* or poll, with coro_loop_fd among its descriptors */
    }
    coro_join(worker, CORO_FOREVER, NULL);
    return 0;
}
