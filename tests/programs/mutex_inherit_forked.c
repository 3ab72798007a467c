/* A robust priority-inheritance mutex between a process with threads and a child that has made none:
 * each waits for the other, and the child's death leaves the lock to the parent. */
#include "test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct shared {
    pthread_mutex_t lock;
    int child_waits, parent_done, child_has_it;
} * shared;

static void make(void)
{
    pthread_mutexattr_t attr;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    CHECK_EQ(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST), 0);
    CHECK_EQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
    CHECK_EQ(pthread_mutex_init(&shared->lock, &attr), 0);
}

static void set(int *flag)
{
    __atomic_store_n(flag, 1, __ATOMIC_SEQ_CST);
}

static void await(const int *flag)
{
    while (!__atomic_load_n(flag, __ATOMIC_SEQ_CST))
        usleep(200);
}

static void child(void)
{
    struct timespec soon = in_ms(CLOCK_REALTIME, 20);
    CHECK_EQ(pthread_mutex_trylock(&shared->lock), EBUSY);
    CHECK_EQ(pthread_mutex_timedlock(&shared->lock, &soon), ETIMEDOUT);
    set(&shared->child_waits);
    CHECK_EQ(pthread_mutex_lock(&shared->lock), 0);
    CHECK_EQ(shared->parent_done, 1);
    set(&shared->child_has_it);
    sleep_ms(50); /* most likely the parent waits by now */
    CHECK_EQ(pthread_mutex_unlock(&shared->lock), 0);
    while (pthread_mutex_trylock(&shared->lock) == EBUSY)
        usleep(200);
    raise(SIGKILL);
}

static void *other(void *arg)
{
    int status;
    CHECK_EQ(pthread_mutex_lock(&shared->lock), 0);
    pid_t pid = fork();
    if (!pid)
        child();
    await(&shared->child_waits);
    sleep_ms(20); /* most likely it does */
    set(&shared->parent_done);
    CHECK_EQ(pthread_mutex_unlock(&shared->lock), 0);
    await(&shared->child_has_it);
    CHECK_EQ(pthread_mutex_lock(&shared->lock), 0);
    CHECK_EQ(pthread_mutex_unlock(&shared->lock), 0);
    puts("each waited for the other");
    fflush(stdout);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK_EQ(pthread_mutex_lock(&shared->lock), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(&shared->lock), 0);
    CHECK_EQ(pthread_mutex_unlock(&shared->lock), 0);
    puts("the child's death was seen");
    return arg;
}

int main(void)
{
    make();
    join(start(other, NULL));
    return 0;
}
