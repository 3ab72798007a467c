/* Threads make threads make threads; parents end before or after their children. */
#include "test.h"

#include <semaphore.h>

static sem_t ended;
static int made;

static void *branch(void *arg)
{
    long depth = (long)arg;
    pthread_t children[3];
    __atomic_add_fetch(&made, 1, __ATOMIC_SEQ_CST);
    if (depth > 0) {
        for (int i = 0; i < 3; i++)
            children[i] = start(branch, (void *)(depth - 1));
        CHECK_EQ(pthread_detach(children[0]), 0);
        for (int i = 1; i < 3; i++)
            join(children[i]);
    }
    sem_post(&ended);
    return NULL;
}

int main(void)
{
    sem_init(&ended, 0, 0);
    join(start(branch, (void *)5L));
    for (int i = 0; i < 364; i++)
        CHECK_EQ(sem_wait(&ended), 0);
    printf("threads made: %d\n", made);
    return 0;
}
