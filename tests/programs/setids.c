/* setuid and its kin must reach all threads of the process: libc signals each and waits for it. */
#include "test.h"

#include <grp.h>

#define THREADS 8

static pthread_barrier_t barrier;

static void *sees_ids(void *arg)
{
    char byte;
    int *ends = arg;
    pthread_barrier_wait(&barrier);
    if (ends)
        CHECK_EQ(read(ends[0], &byte, 1), 1);
    pthread_barrier_wait(&barrier);
    if (getuid() == 0)
        CHECK_EQ(getegid(), 12345);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void *sets_ids(void *arg)
{
    int *ends = arg;
    pthread_barrier_wait(&barrier);
    CHECK_EQ(setgid(getgid()), 0);
    CHECK_EQ(setresuid(getuid(), (uid_t)-1, (uid_t)-1), 0);
    if (getuid() == 0) {
        gid_t groups[1] = { 23456 };
        CHECK_EQ(setgroups(1, groups), 0);
        CHECK_EQ(setegid(12345), 0);
    } else {
        CHECK_EQ(setuid(0), -1);
        CHECK_EQ(errno, EPERM);
    }
    CHECK_EQ(write(ends[1], "xxxxxxxx", THREADS), THREADS);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS], setter;
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    pthread_barrier_init(&barrier, NULL, THREADS + 2);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(sees_ids, i % 2 ? NULL : ends);
    setter = start(sets_ids, ends);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    if (getuid() == 0)
        CHECK_EQ(getegid(), 12345);
    pthread_barrier_wait(&barrier);
    join(setter);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    puts("ids are those of the process");
    return 0;
}
