/* A process made by clone with CLONE_VM, which shares the memory but is no thread, and a thread wait
 * for each other on private futexes. */
#include "test.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ROUNDS 50
#define STACK  (64 << 10)

static atomic_int word;

static void wait_until(int wanted)
{
    int seen;
    while ((seen = word) != wanted)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void step(void)
{
    word++;
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int answers(void *arg)
{
    (void)arg;
    for (int round = 0; round < ROUNDS; round++) {
        wait_until(2 * round + 1);
        step();
    }
    return 7;
}

static void *asks(void *arg)
{
    int status;
    char *stack = malloc(STACK);
    CHECK(stack);
    int pid = clone(answers, stack + STACK, CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, NULL);
    CHECK(pid > 0);
    for (int round = 0; round < ROUNDS; round++) {
        usleep(round % 5 * 100);
        step();
        wait_until(2 * round + 2);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 7);
    free(stack);
    return arg;
}

int main(void)
{
    join(start(asks, NULL));
    printf("word %d\n", (int)word);
    return 0;
}
