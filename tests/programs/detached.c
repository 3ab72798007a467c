/* Detached threads, by attribute and by pthread_detach before and after their end; joining one is
 * an error. */
#include "test.h"

#include <semaphore.h>

#define THREADS 300

static sem_t done, hold;

static void *posts(void *arg)
{
    char local[2000];
    memset(local, 1, sizeof(local));
    CHECK_EQ(local[1999], 1);
    CHECK_EQ(sem_post(&done), 0);
    return arg;
}

static void *detaches_itself(void *arg)
{
    CHECK_EQ(pthread_detach(pthread_self()), 0);
    CHECK_EQ(pthread_detach(pthread_self()), EINVAL);
    return posts(arg);
}

static void *is_held(void *arg)
{
    sem_wait(&hold);
    return posts(arg);
}

static void await(int count)
{
    while (count-- > 0)
        CHECK_EQ(sem_wait(&done), 0);
}

int main(void)
{
    pthread_attr_t attr;
    int state;
    sem_init(&done, 0, 0);
    sem_init(&hold, 0, 0);
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0);
    for (int i = 0; i < THREADS; i++)
        start_with(&attr, posts, NULL);
    await(THREADS);
    puts("by attribute");
    for (int i = 0; i < THREADS; i++)
        start(detaches_itself, NULL);
    await(THREADS);
    puts("by themselves");
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_detach(start(posts, NULL)), 0);
    await(THREADS);
    puts("by main");

    pthread_t held = start_with(&attr, is_held, NULL);
    CHECK_EQ(pthread_join(held, NULL), EINVAL);
    pthread_attr_t own;
    CHECK_EQ(pthread_getattr_np(held, &own), 0);
    CHECK_EQ(pthread_attr_getdetachstate(&own, &state), 0);
    CHECK_EQ(state, PTHREAD_CREATE_DETACHED);
    pthread_attr_destroy(&own);
    sem_post(&hold);
    await(1);
    puts("joining one is EINVAL");
    return 0;
}
