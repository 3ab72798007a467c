/* main leaves by pthread_exit while others run on; the process ends with status 0 and its exit
 * handlers when the last thread ends. */
#include "test.h"

static pthread_barrier_t together;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int left = 6, main_left;

static void says_goodbye(void)
{
    puts("exit handler");
}

static void cleans_up(void *arg)
{
    printf("main cleaned up: %s\n", (char *)arg);
    __atomic_store_n(&main_left, 1, __ATOMIC_RELEASE);
}

static void *goes_on(void *arg)
{
    pthread_barrier_wait(&together);
    while (!__atomic_load_n(&main_left, __ATOMIC_ACQUIRE))
        sleep_ms(1);
    sleep_ms(10 * (long)arg);
    pthread_mutex_lock(&lock);
    if (--left == 0)
        puts("the last thread ends");
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    atexit(says_goodbye);
    pthread_barrier_init(&together, NULL, 7);
    for (long i = 0; i < 6; i++)
        CHECK_EQ(pthread_detach(start(goes_on, (void *)i)), 0);
    pthread_barrier_wait(&together);
    pthread_cleanup_push(cleans_up, "yes");
    puts("main leaves");
    pthread_exit((void *)99L);
    pthread_cleanup_pop(0);
}
