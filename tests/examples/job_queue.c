/* Jobs with priorities, a bounded queue, workers, and a job that takes too long. Urgent jobs overtake those
 * that wait; results come back over a channel. */
#include <coro.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 3, JOBS = 12, ROOM = 4 };
enum { NORMAL, URGENT };

struct job {
    int number;
    int priority;
    double seconds; /* it takes */
};

struct result {
    struct job job;
    int error;
};

static void do_job(const struct job *job)
{
    usleep((useconds_t)(job->seconds * 1e6));
}

static void work(struct coro_queue *queue, struct coro_channel *results)
{
    struct result result;
    while (coro_queue_pop(queue, &result.job, NULL, CORO_FOREVER) == 0) {
        result.error = coro_with_timeout(0.1, NULL, do_job, "v(p)", &result.job) ? errno : 0;
        coro_channel_send(results, &result, CORO_FOREVER);
    }
}

/* Waits while the queue is full. */
static void submit(struct coro_queue *queue)
{
    for (int i = 0; i < JOBS; i++) {
        struct job job = { i, i % 4 == 3 ? URGENT : NORMAL, i == 5 ? 60 : 0.002 };
        coro_queue_push(queue, &job, job.priority, CORO_FOREVER);
    }
    coro_queue_close(queue);
}

int main(void)
{
    struct coro_queue *queue = coro_queue_new(sizeof(struct job), ROOM);
    struct coro_channel *results = coro_channel_new(sizeof(struct result));
    struct result result;
    int done = 0, late = 0, urgent = 0;

    for (int i = 0; i < WORKERS; i++)
        coro_spawn("worker", work, "v(p,p)", queue, results);
    coro_spawn(NULL, submit, "v(p)", queue);
    for (int i = 0; i < JOBS; i++) {
        coro_channel_receive(results, &result, CORO_FOREVER);
        done += !result.error;
        late += result.error == ETIMEDOUT;
        urgent += result.job.priority == URGENT;
    }
    int error = coro_join_children(10);
    printf("%d done, %d of all urgent, %d took too long, %d errors\n", done, urgent, late, error);
    return coro_queue_free(queue) || coro_channel_free(results);
}
