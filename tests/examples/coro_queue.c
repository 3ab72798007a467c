/* Jobs by priority, and two workers that end when the queue is closed and empty. */
#include <coro.h>

#include <stdio.h>

struct job {
    const char *name;
};

static int work(struct coro_queue *jobs)
{
    struct job job;
    int count = 0;
    for (; coro_queue_pop(jobs, &job, NULL, CORO_FOREVER) == 0; count++) {
        printf("%s\n", job.name);
        coro_yield();
    }
    return count;
}

int main(void)
{
    static const struct job jobs[] = { { "sweep" }, { "answer the door" }, { "put out the fire" } };
    struct coro_queue *queue = coro_queue_new(sizeof(struct job), 10);
    struct coro_outcome outcomes[2];
    coro_id workers[2];

    for (int i = 0; i < 3; i++)
        coro_queue_push(queue, &jobs[i], i, CORO_FOREVER);
    for (int i = 0; i < 2; i++)
        workers[i] = coro_spawn(NULL, work, "i(p)", queue);
    coro_queue_close(queue);
    coro_join_all(workers, 2, CORO_FOREVER, outcomes);
    printf("%d jobs\n", (int)(outcomes[0].value.i + outcomes[1].value.i));
    coro_queue_free(queue);
    return 0;
}
