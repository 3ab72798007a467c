/* Mutexes with a priority ceiling: attributes, what an ordinary thread gets, the ceiling changed. */
#include "test.h"

static pthread_mutex_t mutex;

static void *uses(void *arg)
{
    int ceiling = 0, old = 0;
    CHECK_EQ(pthread_mutex_getprioceiling(&mutex, &ceiling), 0);
    int locked = pthread_mutex_lock(&mutex);
    if (!locked)
        CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    int changed = pthread_mutex_setprioceiling(&mutex, 5, &old);
    printf("ceiling %d, lock: %s, change: %s\n", ceiling, locked ? strerror(locked) : "yes",
           changed ? strerror(changed) : "yes");
    return arg;
}

int main(void)
{
    pthread_mutexattr_t attributes;
    int got = -1;
    CHECK_EQ(pthread_mutexattr_init(&attributes), 0);
    CHECK_EQ(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_PROTECT), 0);
    CHECK_EQ(pthread_mutexattr_getprotocol(&attributes, &got), 0);
    CHECK_EQ(got, PTHREAD_PRIO_PROTECT);
    CHECK_EQ(pthread_mutexattr_setprioceiling(&attributes, 1000), EINVAL);
    CHECK_EQ(pthread_mutexattr_setprioceiling(&attributes, 3), 0);
    CHECK_EQ(pthread_mutex_init(&mutex, &attributes), 0);
    join(start(uses, NULL));
    uses(NULL);
    CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
    pthread_mutexattr_destroy(&attributes);
    return 0;
}
