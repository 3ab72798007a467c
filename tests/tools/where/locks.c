/* Threads that wait for each other: each kind of lock once. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t checked;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t semaphore;
static mtx_t c11;
static cnd_t c11_cond;
static struct timespec far;

static void *in_mutex(void *argument)
{
    pthread_mutex_lock(&mutex);
    return argument;
}

static void *in_checked_mutex(void *argument)
{
    pthread_mutex_lock(&checked);
    return argument;
}

static void *in_timed_mutex(void *argument)
{
    pthread_mutex_timedlock(&mutex, &far);
    return argument;
}

static void *in_cond(void *argument)
{
    pthread_mutex_lock(&other);
    pthread_cond_wait(&cond, &other);
    return argument;
}

static void *in_timed_cond(void *argument)
{
    pthread_mutex_lock(&other);
    pthread_cond_timedwait(&cond, &other, &far);
    return argument;
}

static void *in_read_lock(void *argument)
{
    pthread_rwlock_rdlock(&lock);
    return argument;
}

static void *in_write_lock(void *argument)
{
    pthread_rwlock_wrlock(&lock);
    return argument;
}

static void *in_barrier(void *argument)
{
    pthread_barrier_wait(&barrier);
    return argument;
}

static void *in_semaphore(void *argument)
{
    sem_wait(&semaphore);
    return argument;
}

static void *in_timed_semaphore(void *argument)
{
    sem_timedwait(&semaphore, &far);
    return argument;
}

static void *in_join(void *argument)
{
    pthread_join(*(pthread_t *)argument, NULL);
    return argument;
}

static int in_c11(void *argument)
{
    (void)argument;
    mtx_lock(&c11);
    cnd_wait(&c11_cond, &c11);
    return 0;
}

int main(void)
{
    static void *(*const bodies[])(void *) = {
        in_mutex,     in_checked_mutex, in_timed_mutex, in_cond,      in_timed_cond,
        in_read_lock, in_write_lock,    in_barrier,     in_semaphore, in_timed_semaphore,
    };
    pthread_mutexattr_t kind;
    pthread_t thread = 0;
    thrd_t c11_thread;

    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&checked, &kind);
    pthread_barrier_init(&barrier, NULL, 2);
    sem_init(&semaphore, 0, 0);
    mtx_init(&c11, mtx_plain);
    cnd_init(&c11_cond);
    clock_gettime(CLOCK_REALTIME, &far);
    far.tv_sec += 10000;
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&checked);
    pthread_rwlock_wrlock(&lock);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        pthread_create(&thread, NULL, bodies[i], NULL);
    pthread_create(&(pthread_t){ 0 }, NULL, in_join, &thread);
    thrd_create(&c11_thread, in_c11, NULL);
    pthread_join(thread, NULL);
    return 0;
}
