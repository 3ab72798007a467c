/* Process-shared mutex, condition variable, semaphore and barrier between threads of two processes:
 * a wake from the other process reaches a blocked thread. */
#include "test.h"

#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SIDE   4
#define ROUNDS 100

static struct shared {
    pthread_mutex_t lock;
    pthread_cond_t turned;
    pthread_barrier_t barrier;
    sem_t ping, pong;
    long total;
    int turn;
} * shared;

static void make(void)
{
    pthread_mutexattr_t mutex_attr;
    pthread_condattr_t cond_attr;
    pthread_barrierattr_t barrier_attr;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    pthread_mutexattr_init(&mutex_attr);
    pthread_mutexattr_setpshared(&mutex_attr, PTHREAD_PROCESS_SHARED);
    CHECK_EQ(pthread_mutex_init(&shared->lock, &mutex_attr), 0);
    pthread_condattr_init(&cond_attr);
    pthread_condattr_setpshared(&cond_attr, PTHREAD_PROCESS_SHARED);
    CHECK_EQ(pthread_cond_init(&shared->turned, &cond_attr), 0);
    pthread_barrierattr_init(&barrier_attr);
    pthread_barrierattr_setpshared(&barrier_attr, PTHREAD_PROCESS_SHARED);
    CHECK_EQ(pthread_barrier_init(&shared->barrier, &barrier_attr, 2 * SIDE), 0);
    CHECK_EQ(sem_init(&shared->ping, 1, 0), 0);
    CHECK_EQ(sem_init(&shared->pong, 1, 0), 0);
}

static void *counts(void *arg)
{
    pthread_barrier_wait(&shared->barrier);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(pthread_mutex_lock(&shared->lock), 0);
        long seen = shared->total;
        if (i % 10 == 0)
            usleep(10);
        shared->total = seen + 1;
        CHECK_EQ(pthread_mutex_unlock(&shared->lock), 0);
    }
    pthread_barrier_wait(&shared->barrier);
    CHECK_EQ(shared->total, 2 * SIDE * ROUNDS);
    return arg;
}

static void take_turns(int me)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&shared->lock);
        while (shared->turn != me)
            pthread_cond_wait(&shared->turned, &shared->lock);
        shared->turn = !me;
        pthread_cond_signal(&shared->turned);
        pthread_mutex_unlock(&shared->lock);
    }
}

static void pass_semaphores(int me)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (me)
            sem_wait(&shared->ping);
        CHECK_EQ(sem_post(me ? &shared->pong : &shared->ping), 0);
        if (!me)
            sem_wait(&shared->pong);
    }
}

static void one_side(int me)
{
    pthread_t threads[SIDE];
    for (int i = 0; i < SIDE; i++)
        threads[i] = start(counts, NULL);
    take_turns(me);
    pass_semaphores(me);
    for (int i = 0; i < SIDE; i++)
        join(threads[i]);
}

static void *nothing(void *arg)
{
    return arg;
}

int main(void)
{
    int status;
    make();
    join(start(nothing, NULL));
    pid_t child = fork();
    CHECK(child >= 0);
    one_side(child == 0);
    if (child == 0)
        _exit(3);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    printf("total %ld, turn %d\n", shared->total, shared->turn);
    return 0;
}
