/* 10,000 threads with default attributes alive at once, all blocked, then all released: half of
 * them on a condition variable, half on a semaphore. */
#include "test.h"

#include <semaphore.h>

#define THREADS 10000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static pthread_cond_t all_alive = PTHREAD_COND_INITIALIZER;
static sem_t gate;
static int alive, most, go;
static pthread_t threads[THREADS];

static void *worker(void *arg)
{
    long id = (long)arg;
    int local = (int)id;
    pthread_mutex_lock(&lock);
    if (++alive == THREADS)
        pthread_cond_signal(&all_alive);
    if (alive > most)
        most = alive;
    if (id % 2)
        while (!go)
            pthread_cond_wait(&released, &lock);
    pthread_mutex_unlock(&lock);
    if (id % 2 == 0)
        CHECK_EQ(sem_wait(&gate), 0);
    CHECK_EQ(local, id);
    pthread_mutex_lock(&lock);
    alive--;
    pthread_mutex_unlock(&lock);
    return (void *)(id * 3);
}

int main(void)
{
    long sum = 0;
    sem_init(&gate, 0, 0);
    for (long i = 0; i < THREADS; i++) {
        int error = pthread_create(&threads[i], NULL, worker, (void *)i);
        if (error == EAGAIN) {
            puts("the machine does not allow 10,000 threads");
            return 77;
        }
        CHECK_EQ(error, 0);
    }
    pthread_mutex_lock(&lock);
    while (alive < THREADS)
        pthread_cond_wait(&all_alive, &lock);
    go = 1;
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < THREADS / 2; i++)
        CHECK_EQ(sem_post(&gate), 0);
    for (int i = 0; i < THREADS; i++)
        sum += (long)join(threads[i]);
    printf("most alive %d, left %d, sum %ld\n", most, alive, sum);
    return 0;
}
