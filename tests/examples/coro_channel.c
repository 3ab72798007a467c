/* A producer and a consumer. */
#include <coro.h>

#include <errno.h>
#include <stdio.h>

static void produce(struct coro_channel *numbers)
{
    for (int i = 1; i <= 3; i++)
        coro_channel_send(numbers, &i, CORO_FOREVER);
    coro_channel_close(numbers);
}

int main(void)
{
    int number;
    struct coro_channel *numbers = coro_channel_new(sizeof(number));
    coro_id producer = coro_spawn(NULL, produce, "v(p)", numbers);

    while (coro_channel_receive(numbers, &number, 10) == 0)
        printf("%d\n", number);
    if (errno == EPIPE)
        printf("closed\n");
    coro_join(producer, CORO_FOREVER, NULL);
    coro_channel_free(numbers);
    return 0;
}
