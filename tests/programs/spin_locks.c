/* pthread_spin_lock with far more threads than processors, and holders that are slow. */
#include "test.h"

#define THREADS 8
#define ROUNDS  300

static pthread_spinlock_t lock;
static long total;

static void *worker(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(pthread_spin_lock(&lock), 0);
        long seen = total;
        if (i % 100 == 0)
            usleep(10);
        total = seen + 1;
        CHECK_EQ(pthread_spin_unlock(&lock), 0);
    }
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK_EQ(pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE), 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(worker, NULL);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    CHECK_EQ(pthread_spin_trylock(&lock), 0);
    CHECK_EQ(pthread_spin_trylock(&lock), EBUSY);
    CHECK_EQ(pthread_spin_unlock(&lock), 0);
    printf("total %ld\n", total);
    return 0;
}
