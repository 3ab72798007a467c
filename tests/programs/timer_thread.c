/* timer_create(SIGEV_THREAD): libc makes the process's first thread; callbacks run in threads. */
#include "test.h"

#include <semaphore.h>
#include <signal.h>

static sem_t called;
static pthread_t main_thread;
static int sum;

static void on_timer(union sigval value)
{
    CHECK(!pthread_equal(pthread_self(), main_thread));
    __atomic_add_fetch(&sum, value.sival_int, __ATOMIC_SEQ_CST);
    sem_post(&called);
}

static void *returns(void *arg)
{
    return arg;
}

int main(void)
{
    timer_t timers[3];
    main_thread = pthread_self();
    sem_init(&called, 0, 0);
    for (int i = 0; i < COUNT(timers); i++) {
        struct sigevent event = { .sigev_notify = SIGEV_THREAD };
        struct itimerspec span = { .it_value = span_ms(10 + i) };
        event.sigev_notify_function = on_timer;
        event.sigev_value.sival_int = 1 << i;
        CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timers[i]), 0);
        CHECK_EQ(timer_settime(timers[i], 0, &span, NULL), 0);
    }
    for (int i = 0; i < COUNT(timers); i++)
        CHECK_EQ(sem_wait(&called), 0);
    printf("one-shot: sum %d\n", sum);
    struct itimerspec every = { span_ms(5), span_ms(5) };
    CHECK_EQ(timer_settime(timers[0], 0, &every, NULL), 0);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(sem_wait(&called), 0);
    for (int i = 0; i < COUNT(timers); i++)
        CHECK_EQ(timer_delete(timers[i]), 0);
    puts("periodic: 5 calls");
    CHECK_EQ((long)join(start(returns, (void *)5L)), 5);
    return 0;
}
