/* timerfd: one-shot, periodic, absolute, and one that is armed while a thread waits for it. */
#include "test.h"

#include <sys/timerfd.h>

static uint64_t expirations(int fd)
{
    uint64_t count;
    CHECK_EQ(read(fd, &count, sizeof(count)), sizeof(count));
    return count;
}

static void *one_shot(void *arg)
{
    struct itimerspec span = { .it_value = span_ms(30) };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    int64_t begin = now_ms();
    CHECK_EQ(timerfd_settime(fd, 0, &span, NULL), 0);
    CHECK_EQ(expirations(fd), 1);
    CHECK(now_ms() - begin >= 29);
    CHECK_EQ(timerfd_gettime(fd, &span), 0);
    CHECK(span.it_value.tv_sec == 0 && span.it_value.tv_nsec == 0);
    span.it_value = in_ms(CLOCK_MONOTONIC, 30);
    begin = now_ms();
    CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &span, NULL), 0);
    CHECK_EQ(expirations(fd), 1);
    CHECK(now_ms() - begin >= 29);
    close(fd);
    return arg;
}

static void *periodic(void *arg)
{
    struct itimerspec span = { span_ms(5), span_ms(5) };
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    uint64_t total = 0;
    int64_t begin = now_ms();
    CHECK_EQ(timerfd_settime(fd, 0, &span, NULL), 0);
    while (total < 8)
        total += expirations(fd);
    CHECK(now_ms() - begin >= 39);
    close(fd);
    return arg;
}

static void *waits_for_arming(void *arg)
{
    CHECK_EQ(expirations((int)(long)arg), 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[6];
    int disarmed = timerfd_create(CLOCK_REALTIME, 0);
    pthread_t waiting = start(waits_for_arming, (void *)(long)disarmed);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(i % 2 ? one_shot : periodic, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("one-shot and periodic");
    struct itimerspec span = { .it_value = { 0, 1 } };
    CHECK_EQ(timerfd_settime(disarmed, 0, &span, NULL), 0);
    join(waiting);
    puts("armed while somebody waited");
    return 0;
}
