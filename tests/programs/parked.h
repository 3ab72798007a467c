/* Threads parked in many ways, which nothing will wake, for the programs that end beside them. */
#ifndef TESTS_PROGRAMS_PARKED_H
#define TESTS_PROGRAMS_PARKED_H

#include "test.h"

#include <poll.h>
#include <semaphore.h>

static pthread_mutex_t parked_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t parked_cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t parked_ready;
static sem_t parked_sem;
static int parked_pipe[2];
static volatile int parked_never;

static void *park_thread(void *arg)
{
    char byte;
    pthread_barrier_wait(&parked_ready);
    switch ((long)arg % 7) {
    case 0:
        pthread_mutex_lock(&parked_lock);
        for (;;)
            pthread_cond_wait(&parked_cond, &parked_lock);
    case 1:
        sem_wait(&parked_sem);
        break;
    case 2:
        CHECK_EQ(read(parked_pipe[0], &byte, 1), 1);
        break;
    case 3:
        sleep(100000);
        break;
    case 4:
        poll(NULL, 0, -1);
        break;
    case 5:
        for (;;)
            usleep(100);
    default:
        while (!parked_never)
            continue;
    }
    CHECK(!"woken");
    return NULL;
}

/* Starts @count threads that park in different ways; two of seven never rest. */
static void park_threads(int count)
{
    CHECK_EQ(pipe(parked_pipe), 0);
    sem_init(&parked_sem, 0, 0);
    pthread_barrier_init(&parked_ready, NULL, (unsigned)count + 1);
    for (long i = 0; i < count; i++)
        start(park_thread, (void *)i);
    pthread_barrier_wait(&parked_ready);
    sleep_ms(10);
}

#endif
