/* Named semaphores between threads and processes: opened twice they are one, they count, time out,
 * and go when unlinked. */
#include "test.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/wait.h>

#define TURNS 200

static char name[64];

static void *gives(void *arg)
{
    sem_t *own = sem_open(name, 0);
    CHECK(own != SEM_FAILED);
    for (int i = 0; i < TURNS; i++) {
        CHECK_EQ(sem_post(own), 0);
        if (i % 16 == 0)
            sched_yield();
    }
    CHECK_EQ(sem_close(own), 0);
    return arg;
}

static void take(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        CHECK_EQ(errno, EINTR);
}

int main(void)
{
    int value, status;
    snprintf(name, sizeof(name), "/programs-%d", (int)getpid());
    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
    CHECK(semaphore != SEM_FAILED);
    CHECK(sem_open(name, O_CREAT | O_EXCL, 0600, 0) == SEM_FAILED);
    CHECK_EQ(errno, EEXIST);
    pthread_t one = start(gives, NULL), two = start(gives, NULL);
    for (int i = 0; i < 2 * TURNS; i++)
        take(semaphore);
    join(one);
    join(two);
    CHECK_EQ(sem_getvalue(semaphore, &value), 0);
    CHECK_EQ(value, 0);
    struct timespec then = in_ms(CLOCK_REALTIME, 30);
    CHECK_EQ(sem_timedwait(semaphore, &then), -1);
    CHECK_EQ(errno, ETIMEDOUT);
    CHECK_EQ(sem_trywait(semaphore), -1);
    CHECK_EQ(errno, EAGAIN);
    pid_t child = fork();
    if (child == 0) {
        gives(NULL);
        _exit(0);
    }
    for (int i = 0; i < TURNS; i++)
        take(semaphore);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(sem_close(semaphore), 0);
    CHECK_EQ(sem_unlink(name), 0);
    CHECK(sem_open(name, 0) == SEM_FAILED);
    CHECK_EQ(errno, ENOENT);
    printf("%d taken\n", 3 * TURNS);
    return 0;
}
