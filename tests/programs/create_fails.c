/* pthread_create that can't have its stack fails with EAGAIN, leaves nothing behind, and the next one
 * works; attributes that can't be are refused. */
#include "test.h"

#include <limits.h>
#include <sys/resource.h>

static void *returns(void *arg)
{
    return arg;
}

static void *fails(void *arg)
{
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN - 1), EINVAL);
    CHECK_EQ(pthread_attr_setstacksize(&attributes, 1ul << 46), 0);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(pthread_create(&thread, &attributes, returns, NULL), EAGAIN);
        CHECK(join(start(returns, arg)) == arg);
    }
    CHECK_EQ(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN), 0);
    CHECK(join(start_with(&attributes, returns, arg)) == arg);
    CHECK_EQ(pthread_attr_setstacksize(&attributes, 64ul << 20), 0);
    CHECK(join(start_with(&attributes, returns, arg)) == arg);
    pthread_attr_destroy(&attributes);
    return arg;
}

int main(void)
{
    CHECK(join(start(fails, &stdout)) == &stdout);
    puts("no memory for a stack is EAGAIN");
    return 0;
}
