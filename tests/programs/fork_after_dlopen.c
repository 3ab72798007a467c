/* A child that is forked right after the parent has loaded a library makes threads: in a handler of
 * pthread_atfork, and after fork. */
#include <dlfcn.h>
#include <sys/wait.h>

#include "test.h"

static int ran;

static void *run(void *unused)
{
    ran++;
    return unused;
}

static void make_thread(void)
{
    CHECK_EQ(pthread_join(start(run, NULL), NULL), 0);
}

int main(void)
{
    int status;
    pid_t pid;

    make_thread();
    CHECK_EQ(pthread_atfork(NULL, NULL, make_thread), 0);
    CHECK(dlopen("libthreaded.so", RTLD_NOW) != NULL);
    pid = fork();
    if (pid == 0) {
        make_thread();
        _exit(ran);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    printf("%d threads, %d of them in the child\n", WEXITSTATUS(status), WEXITSTATUS(status) - ran);
    return 0;
}
