/* Unnamed and named semaphores: counting, timed waits, many waiters, one object by two names. */
#include "test.h"

#include <fcntl.h>
#include <semaphore.h>

#define THREADS 20

static sem_t slots, done;
static int inside, most;

static void *enters(void *arg)
{
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(sem_wait(&slots), 0);
        int now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        CHECK(now <= 3);
        usleep(50);
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        CHECK_EQ(sem_post(&slots), 0);
    }
    sem_post(&done);
    return arg;
}

static void unnamed(void)
{
    pthread_t threads[THREADS];
    int value;
    CHECK_EQ(sem_init(&slots, 0, 3), 0);
    CHECK_EQ(sem_init(&done, 0, 0), 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(enters, &most);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(sem_wait(&done), 0);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    CHECK_EQ(sem_getvalue(&slots, &value), 0);
    CHECK_EQ(sem_trywait(&done), -1);
    CHECK_EQ(errno, EAGAIN);
    printf("unnamed: value %d\n", value);
}

static void timed(void)
{
    struct timespec then = in_ms(CLOCK_REALTIME, 30);
    int64_t begin = now_ms();
    CHECK_EQ(sem_timedwait(&done, &then), -1);
    CHECK_EQ(errno, ETIMEDOUT);
    CHECK(now_ms() - begin >= 28);
    then = in_ms(CLOCK_MONOTONIC, 30);
    begin = now_ms();
    CHECK_EQ(sem_clockwait(&done, CLOCK_MONOTONIC, &then), -1);
    CHECK_EQ(errno, ETIMEDOUT);
    CHECK(now_ms() - begin >= 29);
    then.tv_nsec = 1000000000;
    CHECK_EQ(sem_timedwait(&done, &then), -1);
    CHECK_EQ(errno, EINVAL);
    puts("timed out");
}

static void *posts(void *arg)
{
    sleep_ms(10);
    CHECK_EQ(sem_post(arg), 0);
    return NULL;
}

static void named(void)
{
    char name[64];
    snprintf(name, sizeof(name), "/programs-semaphores-%d", (int)getpid());
    sem_t *one = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
    CHECK(one != SEM_FAILED);
    sem_t *other = sem_open(name, 0);
    CHECK(other == one);
    CHECK_EQ(sem_unlink(name), 0);
    pthread_t thread = start(posts, other);
    CHECK_EQ(sem_wait(one), 0);
    join(thread);
    CHECK_EQ(sem_close(one), 0);
    CHECK_EQ(sem_close(other), 0);
    CHECK(sem_open(name, 0) == SEM_FAILED);
    CHECK_EQ(errno, ENOENT);
    puts("named: posted by another thread");
}

int main(void)
{
    unnamed();
    timed();
    named();
    return 0;
}
