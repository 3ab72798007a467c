/* Threads use megabytes of their default stack, by alloca and by deep recursion, and
 * block there. */
#include "test.h"

#include <alloca.h>

#define THREADS 6

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *uses_alloca(void *arg)
{
    size_t size = 2 << 20;
    unsigned char *block = alloca(size);
    memset(block, (int)(long)arg, size);
    usleep(1000);
    pthread_mutex_lock(&lock);
    usleep(100);
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < size; i += 4096)
        CHECK_EQ(block[i], (long)arg);
    return arg;
}

static __attribute__((noinline)) long recurse(long depth)
{
    volatile char frame[64];
    frame[0] = (char)depth;
    if (depth == 0) {
        usleep(1000);
        return 0;
    }
    long below = recurse(depth - 1);
    CHECK_EQ(frame[0], (char)depth);
    return below + 1;
}

static void *recurses(void *arg)
{
    (void)arg;
    return (void *)recurse(30000);
}

int main(void)
{
    pthread_t threads[2 * THREADS];
    pthread_attr_t attr;
    for (long i = 0; i < THREADS; i++) {
        threads[2 * i] = start(uses_alloca, (void *)i);
        threads[2 * i + 1] = start(recurses, NULL);
    }
    for (int i = 0; i < 2 * THREADS; i++)
        printf("thread %d: %ld\n", i, (long)join(threads[i]));
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 256 << 20), 0);
    CHECK_EQ((long)join(start_with(&attr, recurses, NULL)), 30000);
    puts("and with a stack of 256 MiB");
    return 0;
}
