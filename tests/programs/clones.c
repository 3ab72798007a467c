/* Processes that clone makes, from main and from a thread: with a stack of their own, on a copy of our
 * memory or in it, beside threads that go on. Signals and threads work in them, or, where they asked for
 * none, no handler is left. */
#include "test.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STACK_BYTES 262144

static volatile int stage, handled;
static int ends[2];

static void note_signal(int signal)
{
    handled = signal;
}

static void *naps(void *arg)
{
    usleep(1000);
    return arg;
}

static void expect_exit(pid_t child, int wanted)
{
    int status = 0;
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), wanted);
}

/* A process like any other: a thread, a signal, a child, input. */
static int lives_apart(void *arg)
{
    char byte = 0;
    stage = 5;
    CHECK_EQ(gettid(), getpid());
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(handled, SIGUSR1);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_EQ((long)join(start(naps, (void *)7L)), 7);
    pid_t child = fork();
    if (child == 0)
        _exit(13);
    expect_exit(child, 13);
    return (int)(long)arg;
}

/* In our memory, at the same time: it has system calls, and no libc to speak of. */
static int lives_beside(void *arg)
{
    const struct timespec nap = { 0, 1000000 };
    char byte = 0;
    stage = 1;
    while (stage != 2)
        syscall(SYS_nanosleep, &nap, NULL);
    syscall(SYS_kill, syscall(SYS_getpid), SIGUSR1);
    syscall(SYS_read, ends[0], &byte, 1);
    stage = 3;
    return byte == 'x' ? (int)(long)arg : 99;
}

static void clones_apart(char *top)
{
    struct clone_args args = { .exit_signal = SIGCHLD };
    pid_t child = clone(lives_apart, top, SIGCHLD, (void *)33L);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    expect_exit(child, 33);
    child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(lives_apart((void *)34L));
    CHECK_EQ(write(ends[1], "x", 1), 1);
    expect_exit(child, 34);
    child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (child == 0)
        _exit(lives_apart((void *)35L));
    CHECK_EQ(write(ends[1], "x", 1), 1);
    expect_exit(child, 35);
    CHECK_EQ(stage, 0);
    CHECK_EQ(handled, 0);
}

static void clones_beside(char *top)
{
    pid_t child = clone(lives_beside, top, CLONE_VM | CLONE_FILES | SIGCHLD, (void *)36L);
    while (stage != 1)
        usleep(100);
    for (int i = 0; i < 20; i++)
        join(start(naps, NULL));
    stage = 2;
    while (handled != SIGUSR1) /* in the child: the memory is one */
        usleep(100);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    expect_exit(child, 36);
    CHECK_EQ(stage, 3);
}

/* By the instruction itself: a child on our stack must not return from where it was made. */
static inline __attribute__((always_inline)) long clone_without_handlers(uint64_t flags)
{
    struct clone_args args = { .flags = flags | CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_clone3), "D"(&args), "S"(sizeof(args))
                     : "rcx", "r11", "memory");
    return result;
}

static int actions_left(void)
{
    struct sigaction handled_one, ignored_one, ignored_fault;
    sigaction(SIGUSR1, NULL, &handled_one);
    sigaction(SIGUSR2, NULL, &ignored_one);
    sigaction(SIGSEGV, NULL, &ignored_fault);
    return (handled_one.sa_handler == SIG_DFL) + 2 * (ignored_one.sa_handler == SIG_IGN) +
           4 * (ignored_fault.sa_handler == SIG_IGN);
}

static void clones_without_handlers(void)
{
    int status;
    CHECK(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
    CHECK(signal(SIGSEGV, SIG_IGN) != SIG_ERR);
    pid_t child = (pid_t)clone_without_handlers(0);
    if (!child)
        _exit(actions_left());
    expect_exit(child, 7);
    child = (pid_t)clone_without_handlers(0);
    if (!child) {
        raise(SIGUSR2);
        raise(SIGUSR1);
        _exit(1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    child = (pid_t)clone_without_handlers(CLONE_VM | CLONE_VFORK);
    if (!child)
        _exit(actions_left());
    expect_exit(child, 7);
    CHECK(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(handled, SIGUSR1);
}

static void *clones(void *arg)
{
    char *stack = malloc(STACK_BYTES);
    stage = handled = 0;
    clones_apart(stack + STACK_BYTES);
    puts("apart");
    clones_beside(stack + STACK_BYTES);
    puts("beside");
    clones_without_handlers();
    puts("without handlers");
    free(stack);
    return arg;
}

int main(void)
{
    CHECK_EQ(pipe(ends), 0);
    CHECK(signal(SIGUSR1, note_signal) != SIG_ERR);
    pthread_t idle = start(naps, NULL);
    join(start(clones, NULL));
    join(idle);
    clones(NULL);
    return 0;
}
