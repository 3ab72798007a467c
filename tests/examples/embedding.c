/* A program that has a main loop already: it polls its own descriptors and coroshim's, and gives coroutines a
 * pass when there is something for them to do. */
#include <coro.h>

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { JOBS = 5 };

/* A coroutine: waits for bytes, tells the main loop of each by an eventfd. */
static void work(int input, int finished)
{
    char byte;
    while (read(input, &byte, 1) == 1) {
        usleep(1000);
        eventfd_write(finished, 1);
    }
}

struct loop {
    int finished; /* eventfd: jobs that are done */
    int jobs[2];  /* pipe */
    eventfd_t done;
    int passes;
};

static void turn(struct loop *loop)
{
    struct pollfd fds[] = { { .fd = loop->finished, .events = POLLIN },
                            { .fd = coro_loop_fd(), .events = POLLIN } };
    eventfd_t count;
    poll(fds, 2, 1000);
    if (fds[0].revents && eventfd_read(loop->finished, &count) == 0)
        loop->done += count;
    if (fds[1].revents) {
        coro_run_once(NULL);
        loop->passes++;
    }
}

int main(void)
{
    struct loop loop = { .finished = eventfd(0, EFD_CLOEXEC) };
    if (pipe(loop.jobs))
        return 1;
    coro_id worker = coro_spawn(NULL, work, "v(i,i)", loop.jobs[0], loop.finished);
    for (int i = 0; i < JOBS; i++) {
        if (write(loop.jobs[1], "j", 1) != 1)
            return 1;
        while (loop.done <= (eventfd_t)i)
            turn(&loop);
        printf("job %d done\n", (int)loop.done);
    }
    close(loop.jobs[1]);
    return coro_join(worker, CORO_FOREVER, NULL);
}
