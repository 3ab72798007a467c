/* A tree of tasks: a supervisor starts again what fails, gives up on what fails too often, and takes its
 * children with it when it is shut down. */
#include <coro.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHILDREN = 3, TRIES = 3 };

struct task {
    const char *name;
    int failures; /* before it succeeds; -1: it goes on for ever */
    int tries;
    coro_id id;
};

static int run_task(struct task *task)
{
    if (task->failures < 0)
        pause();
    return task->tries <= task->failures ? coro_fail(EIO) : task->tries;
}

static void start_task(struct task *task)
{
    task->tries++;
    task->id = coro_spawn(task->name, run_task, "i(p)", task);
}

static void end_children(void *unused)
{
    coro_id children[CHILDREN];
    ssize_t count = coro_children(coro_current(), children, CHILDREN);
    (void)unused;
    for (ssize_t i = 0; i < count; i++) {
        coro_shutdown(children[i]);
        coro_join(children[i], CORO_FOREVER, NULL);
    }
    printf("supervisor: %d left when it ended\n", (int)count);
}

static void watch(struct task *task)
{
    struct coro_outcome outcome;
    while (task->id && coro_join_outcome(task->id, CORO_FOREVER, &outcome) == 0) {
        task->id = 0;
        if (!outcome.error)
            printf("%s: done at try %d\n", task->name, (int)outcome.value.i);
        else if (task->tries == TRIES)
            printf("%s: given up, %s\n", task->name, strerror(outcome.error));
        else
            start_task(task);
    }
}

static void supervise(struct task *tasks)
{
    pthread_cleanup_push(end_children, NULL);
    for (int i = 0; i < CHILDREN; i++)
        start_task(&tasks[i]);
    for (int i = 0; i < CHILDREN; i++)
        watch(&tasks[i]);
    pthread_cleanup_pop(1);
}

int main(void)
{
    struct task tasks[CHILDREN] = { { .name = "shaky", .failures = 2 },
                                    { .name = "broken", .failures = 100 },
                                    { .name = "endless", .failures = -1 } };
    struct coro_outcome outcome;
    coro_id supervisor = coro_spawn(NULL, supervise, "v(p)", tasks);

    if (coro_join_outcome(supervisor, 0.2, &outcome) && errno == ETIMEDOUT)
        coro_shutdown(supervisor);
    coro_join_outcome(supervisor, CORO_FOREVER, &outcome);
    printf("main: the supervisor was %s\n", outcome.error == ECANCELED ? "shut down" : "done");
    return 0;
}
