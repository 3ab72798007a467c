/* A child that shares the table of descriptors but not the memory (clone with CLONE_FILES): what it opens and
 * closes its parent sees, and the parent's threads go on waiting, during its life and afterwards. */
#include "test.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ROUNDS 10

static int ends[2], told[2];

static void *answers(void *unused)
{
    char byte;
    (void)unused;
    while (read(ends[0], &byte, 1) == 1)
        CHECK_EQ(write(told[1], &byte, 1), 1);
    return NULL;
}

static void ask(char question)
{
    char answer = 0;
    CHECK_EQ(write(ends[1], &question, 1), 1);
    CHECK_EQ(read(told[0], &answer, 1), 1);
    CHECK_EQ(answer, question);
}

static void *naps(void *arg)
{
    usleep(1000);
    return arg;
}

/* Returns to nobody: the memory is a copy, the descriptors are not. */
static void child(int opened)
{
    CHECK_EQ(dup2(ends[1], opened), opened);
    CHECK_EQ(close(ends[1]), 0);
    join(start(naps, NULL));
    usleep(2000);
    _exit(7);
}

static long share_files(int by_clone3)
{
    struct clone_args args = { .flags = CLONE_FILES, .exit_signal = SIGCHLD };
    if (by_clone3)
        return syscall(SYS_clone3, &args, sizeof(args));
    return syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0L, 0L, 0L, 0L);
}

static void round_of(int by_clone3)
{
    int status, opened = fcntl(ends[0], F_DUPFD, 100);
    CHECK(opened >= 100);
    CHECK_EQ(close(opened), 0);
    ask('a');
    long pid = share_files(by_clone3);
    if (pid == 0)
        child(opened);
    CHECK(pid > 0);
    CHECK_EQ(waitpid((pid_t)pid, &status, 0), pid);
    CHECK_EQ(status, 7 << 8);
    CHECK_EQ(fcntl(ends[1], F_GETFD), -1);
    CHECK_EQ(errno, EBADF);
    ends[1] = opened;
    ask('b');
    CHECK_EQ((long)join(start(naps, (void *)3L)), 3);
}

int main(void)
{
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(told), 0);
    pthread_t thread = start(answers, NULL);
    for (int i = 0; i < ROUNDS; i++)
        round_of(i % 2);
    CHECK_EQ(close(ends[1]), 0);
    join(thread);
    puts("the child's descriptors are the parent's");
    return 0;
}
