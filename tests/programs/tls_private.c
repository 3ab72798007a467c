/* __thread variables and errno belong to their thread, also across yields, sleeps and locks. */
#include "test.h"

#include <sched.h>

#define THREADS 16
#define ROUNDS  200

static __thread int counter = 7;
static __thread char block[5000] __attribute__((aligned(64)));
static __thread long zeroed[16];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *own_values(void *arg)
{
    long id = (long)arg;
    CHECK_EQ(counter, 7);
    CHECK_EQ((uintptr_t)block % 64, 0);
    CHECK_EQ(zeroed[15], 0);
    memset(block, (int)id, sizeof(block));
    int *address = &counter;
    for (int i = 0; i < ROUNDS; i++) {
        counter += (int)id;
        errno = (int)id + 1;
        if (i % 50 == 0) {
            struct timespec span = span_ms(1);
            nanosleep(&span, NULL);
        } else if (i % 2) {
            sched_yield();
        } else {
            pthread_mutex_lock(&lock);
            sched_yield();
            pthread_mutex_unlock(&lock);
        }
        CHECK_EQ(errno, id + 1);
        CHECK(address == &counter);
        close(-1);
        CHECK_EQ(errno, EBADF);
    }
    for (size_t i = 0; i < sizeof(block); i++)
        CHECK_EQ(block[i], id);
    return (void *)(long)counter;
}

int main(void)
{
    pthread_t threads[THREADS];
    errno = 77;
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(own_values, (void *)i);
    for (long i = 0; i < THREADS; i++)
        printf("thread %ld: counter %ld\n", i, (long)join(threads[i]));
    printf("main: counter %d errno %d block %d\n", counter, errno, block[0]);
    return 0;
}
