/* Timer slack and the signal of a parent's death are a thread's own: each sees what it has set, a new
 * thread has its maker's slack and no signal, and so has a new process; exec keeps both. */
#include "gates.h"

#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define BASE 70000

static pthread_barrier_t barrier;

static long slack(void)
{
    return prctl(PR_GET_TIMERSLACK);
}

static int death_signal(void)
{
    int signal = -1;
    CHECK_EQ(prctl(PR_GET_PDEATHSIG, &signal), 0);
    return signal;
}

static void *begins(void *arg)
{
    CHECK_EQ(slack(), (long)arg);
    CHECK_EQ(death_signal(), 0);
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 1L), 0);
    CHECK_EQ(slack(), 1);
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 0L), 0);
    CHECK_EQ(slack(), (long)arg);
    return NULL;
}

static void *sets(void *arg)
{
    long number = (long)arg;
    CHECK_EQ(slack(), BASE);
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, BASE + (number & 1 ? number : -number)), 0);
    CHECK_EQ(syscall(SYS_prctl, PR_SET_PDEATHSIG, number, 0L, 0L, 0L), 0);
    pthread_barrier_wait(&barrier);
    CHECK_EQ(slack(), BASE + (number & 1 ? number : -number));
    CHECK_EQ(death_signal(), number);
    join(start(begins, (void *)slack()));
    CHECK_EQ(death_signal(), number);
    pthread_barrier_wait(&barrier);
    return NULL;
}

/* What a process is born with, and goes back to. */
static void child_sees(long wanted)
{
    pid_t child = fork();
    int status;
    if (!child) {
        CHECK_EQ(slack(), wanted);
        CHECK_EQ(death_signal(), 0);
        CHECK_EQ(prctl(PR_SET_TIMERSLACK, 5L), 0);
        join(start(begins, (void *)5L));
        CHECK_EQ(prctl(PR_SET_TIMERSLACK, 0L), 0);
        CHECK_EQ(slack(), wanted);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

static void *makes_processes(void *arg)
{
    extern char **environ;
    char *words[] = { arg, "80000", "0", NULL };
    pid_t child;
    int status;
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 80000L), 0);
    CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
    child_sees(80000);
    CHECK_EQ(posix_spawn(&child, "/proc/self/exe", NULL, NULL, words, environ), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(slack(), 80000);
    CHECK_EQ(death_signal(), SIGUSR1);
    return NULL;
}

static void *executes(void *arg)
{
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 90000L), 0);
    CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR2), 0);
    CHECK_EQ(execl("/no/such/program", "none", (char *)NULL), -1);
    CHECK_EQ(slack(), 90000);
    execl("/proc/self/exe", arg, "90000", "12", (char *)NULL);
    CHECK(!"exec returned");
    return NULL;
}

static void *asks_in_vain(void *arg)
{
    CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR2), 0);
    if (arg)
        CHECK_EQ(prctl(PR_SET_PDEATHSIG, 0), 0);
    return NULL;
}

/* Its parent dies while a thread of it that asked for a signal lives, and two others ask no more. */
static void *orphan(void *arg)
{
    int *ends = arg;
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGUSR2);
    CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
    join(start(asks_in_vain, NULL));
    join(start(asks_in_vain, ends));
    CHECK_EQ(write(ends[1], "r", 1), 1);
    int signal = 0;
    CHECK_EQ(sigwait(&both, &signal), 0);
    CHECK_EQ(write(ends[1], signal == SIGUSR1 ? "1" : "2", 1), 1);
    return NULL;
}

static void dies_before_its_child(int to_child[2], int ends[2])
{
    char byte;
    pid_t parent = fork();
    if (!parent) {
        if (!fork()) {
            close(ends[0]);
            sigset_t both;
            sigemptyset(&both);
            sigaddset(&both, SIGUSR1);
            sigaddset(&both, SIGUSR2);
            CHECK_EQ(pthread_sigmask(SIG_BLOCK, &both, NULL), 0);
            join(start(orphan, ends));
            _exit(0);
        }
        CHECK_EQ(read(to_child[0], &byte, 1), 1);
        _exit(0);
    }
    close(ends[1]);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_EQ(byte, 'r');
    CHECK_EQ(write(to_child[1], "x", 1), 1);
    CHECK_EQ(waitpid(parent, NULL, 0), parent);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    printf("orphaned: signal %c\n", byte);
    CHECK_EQ(read(ends[0], &byte, 1), 0);
}

int main(int argc, char *argv[])
{
    pthread_t threads[8];
    int to_child[2], ends[2];
    if (argc == 3) {
        CHECK_EQ(slack(), atol(argv[1]));
        CHECK_EQ(death_signal(), atol(argv[2]));
        join(start(begins, (void *)atol(argv[1])));
        printf("executed: slack %s ns, signal %s\n", argv[1], argv[2]);
        return 0;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, (long)BASE), 0);
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, 8), 0);
    for (long i = 0; i < 8; i++)
        threads[i] = start(sets, (void *)(i + 1));
    for (int i = 0; i < 8; i++)
        join(threads[i]);
    CHECK_EQ(slack(), BASE);
    CHECK_EQ(death_signal(), 0);
    FAILS(EINVAL, SYS_prctl, PR_SET_PDEATHSIG, 65L, 0L, 0L, 0L);
    FAILS(EFAULT, SYS_prctl, PR_GET_PDEATHSIG, NOWHERE, 0L, 0L, 0L);
    CHECK_EQ(death_signal(), 0);
    child_sees(BASE);
    join(start(makes_processes, argv[0]));
    CHECK_EQ(pipe(to_child), 0);
    CHECK_EQ(pipe(ends), 0);
    dies_before_its_child(to_child, ends);
    puts("done");
    join(start(executes, argv[0]));
    return 1;
}
