/* A child process, a file and a periodic timer. */
#include <coro.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void tick(const struct coro_happening *happening, void *event)
{
    if (happening->data > 0)
        coro_event_set(event, NULL);
}

int main(void)
{
    struct coro_happening happening;
    char path[] = "/tmp/coro-example-XXXXXX";
    struct coro_event *ticked = coro_event_new(CORO_EVENT_AUTO);

    coro_set_handler(10, CORO_TIMER, 0, CORO_PERSIST, tick, ticked); /* each 10 ms */
    for (int i = 0; i < 3; i++)
        coro_event_wait(ticked, NULL, CORO_FOREVER);
    coro_clear_handler(10, CORO_TIMER);
    printf("three ticks\n");

    pid_t child = fork();
    if (!child)
        _exit(3);
    if (coro_wait_for((uintptr_t)child, CORO_PROC, CORO_NOTE_EXIT, 10, &happening) == 0)
        printf("the child's status is %d\n", WEXITSTATUS((int)happening.data));
    waitpid(child, NULL, 0);

    int file = mkstemp(path);
    if (coro_wait_for((uintptr_t)file, CORO_VNODE, CORO_NOTE_WRITE, 0.01, NULL))
        printf("nobody wrote\n");
    unlink(path);
    coro_event_free(ticked);
    return 0;
}
