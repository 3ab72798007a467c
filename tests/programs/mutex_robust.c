/* A robust mutex whose owner ends: the next locker gets EOWNERDEAD and may repair it; unrepaired it
 * is unusable for ever. Also when waiters are blocked already, and for the process-shared kind. */
#include "test.h"

#include <sys/mman.h>
#include <sys/wait.h>

static pthread_mutex_t *lock;
static pthread_barrier_t locked;

static void make(int shared)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    CHECK_EQ(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST), 0);
    CHECK_EQ(pthread_mutexattr_setpshared(&attr, shared), 0);
    CHECK_EQ(pthread_mutex_init(lock, &attr), 0);
}

static void *dies_owning(void *arg)
{
    CHECK_EQ(pthread_mutex_lock(lock), 0);
    if (arg) {
        pthread_barrier_wait(arg);
        sleep_ms(30);
    }
    pthread_exit(NULL);
}

static void *waits(void *arg)
{
    pthread_barrier_wait(arg);
    int error = pthread_mutex_lock(lock);
    if (error == EOWNERDEAD)
        CHECK_EQ(pthread_mutex_consistent(lock), 0);
    else
        CHECK_EQ(error, 0);
    CHECK_EQ(pthread_mutex_unlock(lock), 0);
    return (void *)(long)error;
}

static void repaired(void)
{
    pthread_t owner, waiters[4];
    int dead = 0;
    make(PTHREAD_PROCESS_PRIVATE);
    join(start(dies_owning, NULL));
    CHECK_EQ(pthread_mutex_trylock(lock), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(lock), 0);
    CHECK_EQ(pthread_mutex_unlock(lock), 0);

    pthread_barrier_init(&locked, NULL, COUNT(waiters) + 1);
    owner = start(dies_owning, &locked);
    for (int i = 0; i < COUNT(waiters); i++)
        waiters[i] = start(waits, &locked);
    join(owner);
    for (int i = 0; i < COUNT(waiters); i++)
        dead += join(waiters[i]) == (void *)(long)EOWNERDEAD;
    printf("waiters told of the death: %d\n", dead);
    CHECK_EQ(pthread_mutex_consistent(lock), EINVAL);
    CHECK_EQ(pthread_mutex_destroy(lock), 0);
}

static void unrepaired(void)
{
    make(PTHREAD_PROCESS_PRIVATE);
    join(start(dies_owning, NULL));
    CHECK_EQ(pthread_mutex_lock(lock), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_unlock(lock), 0);
    CHECK_EQ(pthread_mutex_lock(lock), ENOTRECOVERABLE);
    CHECK_EQ(pthread_mutex_trylock(lock), ENOTRECOVERABLE);
    puts("unrepaired: not recoverable");
}

static void shared(void)
{
    int status;
    make(PTHREAD_PROCESS_SHARED);
    pid_t child = fork();
    if (child == 0) {
        dies_owning(NULL);
        _exit(1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(pthread_mutex_lock(lock), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(lock), 0);
    CHECK_EQ(pthread_mutex_unlock(lock), 0);
    puts("shared: the other process's death was seen");
}

int main(void)
{
    lock = mmap(NULL, sizeof(*lock), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(lock != MAP_FAILED);
    repaired();
    unrepaired();
    fflush(stdout);
    shared();
    return 0;
}
