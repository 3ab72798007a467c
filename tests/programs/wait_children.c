/* Several threads wait for children: each for its own, then all for any; every child is reaped
 * exactly once. */
#include "test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define THREADS  8
#define CHILDREN 24

static int reaped, status_sum;

static pid_t child_that_exits(int status, long after_ms)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        sleep_ms(after_ms);
        _exit(status);
    }
    return child;
}

static void *waits_for_its_own(void *arg)
{
    int status, id = (int)(long)arg;
    pid_t child = child_that_exits(id, 5 + 10 * ((id * 5) % THREADS));
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == id);
    CHECK_EQ(waitpid(child, &status, 0), -1);
    CHECK_EQ(errno, ECHILD);

    struct rusage usage;
    child = child_that_exits(id, 5);
    pid_t got;
    while ((got = wait4(child, &status, WNOHANG, &usage)) == 0)
        usleep(500);
    CHECK_EQ(got, child);

    child = fork();
    if (child == 0)
        for (;;)
            pause();
    CHECK_EQ(waitpid(child, &status, WNOHANG), 0);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return NULL;
}

static void *waits_for_any(void *arg)
{
    int status;
    while (wait(&status) > 0) {
        CHECK(WIFEXITED(status));
        __atomic_add_fetch(&reaped, 1, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&status_sum, WEXITSTATUS(status), __ATOMIC_SEQ_CST);
    }
    CHECK_EQ(errno, ECHILD);
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK_EQ(wait(NULL), -1);
    CHECK_EQ(errno, ECHILD);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(waits_for_its_own, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    puts("each for its own");
    for (int i = 0; i < CHILDREN; i++)
        child_that_exits(i, 30 + 3 * (i % 7));
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(waits_for_any, NULL);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("reaped %d, sum of statuses %d\n", reaped, status_sum);
    return 0;
}
