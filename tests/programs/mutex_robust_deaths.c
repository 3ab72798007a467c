/* A robust process-shared mutex that a thread holds when its process ends, in each of the ways in which
 * one ends without asking its threads: the next locker is told. */
#include "test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct shared {
    pthread_mutex_t lock;
    int locked;
} * shared;

static void make(void)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    CHECK_EQ(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST), 0);
    CHECK_EQ(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), 0);
    memset(shared, 0, sizeof(*shared));
    CHECK_EQ(pthread_mutex_init(&shared->lock, &attr), 0);
}

static void *holds(void *arg)
{
    struct timespec then = in_ms(CLOCK_MONOTONIC, 60000);
    if (arg)
        CHECK_EQ(pthread_mutex_clocklock(&shared->lock, CLOCK_MONOTONIC, &then), 0);
    else
        CHECK_EQ(pthread_mutex_lock(&shared->lock), 0);
    __atomic_store_n(&shared->locked, 1, __ATOMIC_SEQ_CST);
    for (;;)
        pause();
    return arg;
}

static void *executes(void *arg)
{
    execl("/nonexistent", "x", (char *)NULL);
    CHECK_EQ(errno, ENOENT);
    CHECK_EQ(pthread_mutex_trylock(&shared->lock), EBUSY);
    execl("/", "x", (char *)NULL);
    CHECK_EQ(errno, EACCES);
    CHECK_EQ(pthread_mutex_trylock(&shared->lock), EBUSY);
    execl("/bin/true", "true", (char *)NULL);
    return arg;
}

static void *faults(void *arg)
{
    *(volatile int *)arg = 1;
    return arg;
}

static void await_lock(void)
{
    while (!__atomic_load_n(&shared->locked, __ATOMIC_SEQ_CST))
        usleep(200);
}

static void child(int way)
{
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    start(holds, way == 7 ? shared : NULL);
    await_lock();
    if (way == 0)
        abort();
    if (way == 1)
        join(start(faults, NULL));
    if (way == 2)
        join(start(executes, NULL));
    if (way == 3)
        _exit(5);
    if (way == 4)
        raise(SIGUSR2);
    if (way == 5)
        __builtin_trap();
    for (;;)
        pause();
}

static void dies(int way, const char *what, int killed_by)
{
    int status;
    make();
    fflush(stdout);
    pid_t pid = fork();
    if (!pid)
        child(way);
    await_lock();
    if (killed_by)
        CHECK_EQ(kill(pid, killed_by), 0);
    CHECK_EQ(pthread_mutex_lock(&shared->lock), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(&shared->lock), 0);
    CHECK_EQ(pthread_mutex_unlock(&shared->lock), 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    printf("%s: status %#x\n", what, status);
}

static void all(void)
{
    dies(0, "abort", 0);
    dies(1, "fault", 0);
    dies(2, "exec", 0);
    dies(3, "exit", 0);
    dies(4, "raise", 0);
    dies(5, "trap", 0);
    dies(6, "SIGTERM", SIGTERM);
    dies(6, "SIGINT", SIGINT);
    dies(6, "SIGQUIT", SIGQUIT);
    dies(7, "SIGTERM, locked with a deadline", SIGTERM);
    dies(6, "a real-time signal", SIGRTMIN + 3);
}

static void *all_beside(void *arg)
{
    all();
    return arg;
}

int main(void)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    all();
    join(start(all_beside, NULL));
    return 0;
}
