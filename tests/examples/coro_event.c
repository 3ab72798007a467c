/* One event for three threads, a topic that each of two subscribers hears in full, and a group. */
#include <coro.h>

#include <stdio.h>

static void wait_for_it(struct coro_event *event, struct coro_group *group)
{
    void *value;
    if (coro_event_wait(event, &value, 10) == 0)
        printf("%s\n", (const char *)value);
    coro_group_done(group);
}

int main(void)
{
    struct coro_event *start = coro_event_new(CORO_EVENT_MANUAL);
    struct coro_group *group = coro_group_new();
    struct coro_topic *news = coro_topic_new(sizeof(int), 0);
    struct coro_subscription *one = coro_topic_subscribe(news), *two = coro_topic_subscribe(news);
    int a = 0, b = 0;

    coro_group_add(group, 3);
    for (int i = 0; i < 3; i++)
        coro_detach(coro_spawn(NULL, wait_for_it, "v(p,p)", start, group));
    coro_event_set(start, "go");
    coro_group_wait(group, 10);

    coro_topic_publish(news, &(int){ 7 }, 10);
    coro_subscription_receive(one, &a, 10);
    coro_subscription_receive(two, &b, 10);
    printf("%d and %d\n", a, b);
    return 0;
}
