/* Threads that sleep for different times wake in the order of their times, by each kind
 * of sleep. */
#include "test.h"

#include <poll.h>

#define THREADS 8
#define GAP_MS  100

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t ready;
static struct timespec base;
static int order[THREADS], woken;

static void *sleeps(void *arg)
{
    int id = (int)(long)arg;
    pthread_barrier_wait(&ready);
    long left_ms = GAP_MS * (long)((id * 3) % THREADS);
    struct timespec span = span_ms(left_ms);
    struct timespec then = base;
    then.tv_sec += (then.tv_nsec + left_ms * 1000000) / 1000000000;
    then.tv_nsec = (then.tv_nsec + left_ms * 1000000) % 1000000000;
    switch (id % 4) {
    case 0:
        nanosleep(&span, NULL);
        break;
    case 1:
        usleep((useconds_t)left_ms * 1000);
        break;
    case 2:
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
        break;
    default:
        poll(NULL, 0, (int)left_ms);
    }
    CHECK(now_ms() - (base.tv_sec * 1000 + base.tv_nsec / 1000000) >= left_ms - 1);
    pthread_mutex_lock(&lock);
    order[woken++] = id;
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    pthread_barrier_init(&ready, NULL, THREADS + 1);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(sleeps, (void *)i);
    CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &base), 0);
    pthread_barrier_wait(&ready);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int i = 0; i < THREADS; i++)
        printf("%d slept %d ms\n", order[i], GAP_MS * ((order[i] * 3) % THREADS));
    return 0;
}
