/* Thread names: set and read for oneself and for others, by pthread calls, prctl and /proc. */
#include "test.h"

#include <fcntl.h>
#include <sys/prctl.h>

#define THREADS 10

static pthread_barrier_t barrier;

static void *named(void *arg)
{
    char name[16], read_back[16];
    snprintf(name, sizeof(name), "worker-%ld", (long)arg);
    CHECK_EQ(pthread_setname_np(pthread_self(), name), 0);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    snprintf(name, sizeof(name), "by-main-%ld", (long)arg);
    CHECK_EQ(pthread_getname_np(pthread_self(), read_back, sizeof(read_back)), 0);
    CHECK(strcmp(name, read_back) == 0);
    CHECK_EQ(prctl(PR_GET_NAME, read_back), 0);
    CHECK(strcmp(name, read_back) == 0);
    snprintf(name, sizeof(name), "prctl-%ld", (long)arg);
    CHECK_EQ(prctl(PR_SET_NAME, name), 0);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void *inherits(void *arg)
{
    CHECK_EQ(pthread_getname_np(pthread_self(), arg, 16), 0);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    char name[32];
    CHECK_EQ(pthread_setname_np(pthread_self(), "the main one"), 0);
    join(start(inherits, name));
    printf("inherited: %s\n", name);
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(named, (void *)i);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_getname_np(threads[i], name, sizeof(name)), 0);
        puts(name);
        snprintf(name, sizeof(name), "by-main-%d", i);
        CHECK_EQ(pthread_setname_np(threads[i], name), 0);
    }
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_getname_np(threads[i], name, sizeof(name)), 0);
        puts(name);
    }
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    CHECK_EQ(pthread_setname_np(pthread_self(), "sixteen chars :-("), ERANGE);
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
    puts(name);
    return 0;
}
