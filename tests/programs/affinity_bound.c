/* A process that has bound itself to one processor lets its threads go to others all the same: what
 * counts is where the process may go, not where its other threads are. */
#include "test.h"

#include <errno.h>
#include <sched.h>

static int one, other; /* two processors, or twice the only one */

static void find_processors(void)
{
    cpu_set_t set;
    CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
    while (!CPU_ISSET(one, &set))
        one++;
    for (other = one + 1; other < CPU_SETSIZE && !CPU_ISSET(other, &set);)
        other++;
    if (other == CPU_SETSIZE)
        other = one;
}

static int bind_to(int processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return sched_setaffinity(0, sizeof(set), &set);
}

static void *is_bound(void *arg)
{
    cpu_set_t set;
    CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
    CHECK_EQ(CPU_COUNT(&set), 1);
    CHECK(CPU_ISSET((int)(long)arg, &set));
    CHECK_EQ(sched_getcpu(), (int)(long)arg);
    return NULL;
}

static void *goes_anywhere(void *unused)
{
    cpu_set_t set;
    memset(&set, 0xff, sizeof(set));
    CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
    CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
    CHECK(CPU_ISSET(one, &set) && CPU_ISSET(other, &set));
    CPU_ZERO(&set);
    CHECK(sched_setaffinity(0, sizeof(set), &set) == -1 && errno == EINVAL);
    CPU_SET(CPU_SETSIZE - 1, &set); /* there is none of that number */
    CHECK(sched_setaffinity(0, sizeof(set), &set) == -1 && errno == EINVAL);
    return unused;
}

int main(void)
{
    pthread_attr_t attributes;
    cpu_set_t set;
    pthread_t thread;
    find_processors();
    CHECK_EQ(bind_to(one), 0);
    CPU_ZERO(&set);
    CPU_SET(other, &set);
    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setaffinity_np(&attributes, sizeof(set), &set), 0);
    CHECK_EQ(pthread_create(&thread, &attributes, is_bound, (void *)(long)other), 0);
    join(thread);
    join(start(is_bound, (void *)(long)one));
    join(start(goes_anywhere, NULL));
    CHECK_EQ(bind_to(other), 0);
    is_bound((void *)(long)other);
    puts("bound and let go");
    return 0;
}
