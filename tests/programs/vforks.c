/* vfork from threads: the child runs first, in the parent's memory, until it execs or exits. */
#include "test.h"

#include <sys/wait.h>

static void wait_for(pid_t child, int wanted)
{
    int status;
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), wanted);
}

static __attribute__((noinline)) pid_t vfork_store(volatile int *shared, int value)
{
    pid_t child = vfork();
    if (child == 0) {
        *shared = value;
        _exit(value);
    }
    return child;
}

static __attribute__((noinline)) pid_t vfork_exec(const char *command)
{
    pid_t child = vfork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return child;
}

static __attribute__((noinline)) pid_t vfork_fail(volatile int *error)
{
    pid_t child = vfork();
    if (child == 0) {
        execl("/no/such/program", "none", (char *)NULL);
        *error = errno;
        _exit(44);
    }
    return child;
}

static void *vforks(void *arg)
{
    int id = (int)(long)arg;
    char command[32];
    snprintf(command, sizeof(command), "exit %d", id + 50);
    for (int i = 0; i < 5; i++) {
        volatile int shared = 0;
        pid_t child = vfork_store(&shared, id + 1);
        CHECK_EQ(shared, id + 1);
        wait_for(child, id + 1);
        wait_for(vfork_exec(command), id + 50);
        child = vfork_fail(&shared);
        CHECK_EQ(shared, ENOENT);
        wait_for(child, 44);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[6];
    vforks((void *)20L);
    for (long i = 0; i < COUNT(threads); i++)
        threads[i] = start(vforks, (void *)i);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("vforked, all");
    return 0;
}
