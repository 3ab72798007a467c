/* A server that adds: calls to it wait for the reply. */
#include <coro.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ADD = 1, STOP };

static void adder(void)
{
    struct coro_message request;
    while (coro_mailbox_receive(&request, CORO_FOREVER) == 0 && request.type == ADD) {
        const long *pair = request.data;
        coro_mailbox_reply(&request, &(struct coro_message){ .type = pair[0] + pair[1] });
    }
}

int main(void)
{
    struct coro_message sum, stop = { .type = STOP };
    coro_id server = coro_spawn(NULL, adder, "v()");

    for (long i = 1; i <= 3; i++) {
        long pair[] = { i, 10 * i };
        struct coro_message request = { .type = ADD, .data = pair, .bytes = sizeof(pair) };
        if (coro_mailbox_call(server, &request, &sum, 10) == 0)
            printf("%ld\n", sum.type);
    }
    coro_mailbox_send(server, &stop, 10);
    coro_join(server, CORO_FOREVER, NULL);
    if (coro_mailbox_send(server, &stop, 10))
        printf("%s\n", strerror(errno));
    return 0;
}
