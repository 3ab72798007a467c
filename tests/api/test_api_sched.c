/* Who runs when. */
#include <coro.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static bool native(void)
{
    const char *way = getenv("API_WAY");
    return way && !strcmp(way, "native");
}

static void *nothing(void *argument)
{
    return argument;
}

START_TEST(is_running_once_there_was_a_thread)
{
    pthread_t thread;
    must(coro_is_running() == 0);
    must(pthread_create(&thread, NULL, nothing, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
    must(coro_is_running() == !native());
}
END_TEST

static char order[8];

static void *letters(void *letter)
{
    for (int i = 0; i < 3; i++) {
        strncat(order, letter, 1);
        coro_yield();
    }
    return NULL;
}

START_TEST(yield_lets_the_others_run_once)
{
    pthread_t threads[2];
    const char *way = getenv("API_WAY");
    if (native() || (way && !strcmp(way, "slice"))) /* there the order is not ours to say */
        return;
    must(pthread_create(&threads[0], NULL, letters, "a") == 0);
    must(pthread_create(&threads[1], NULL, letters, "b") == 0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    ck_assert_str_eq(order, "ababab");
}
END_TEST

int main(void)
{
    RUN_TESTS("sched", is_running_once_there_was_a_thread, yield_lets_the_others_run_once);
}
