/* Several threads accept from one socket: every connection is served once, and shutdown of the
 * listening socket ends them all. */
#include "net.h"

#define ACCEPTORS 8
#define CLIENTS   80

static int server, served;

static void *accepts(void *arg)
{
    for (;;) {
        int fd =
            (long)arg % 2 ? accept(server, NULL, NULL) : accept4(server, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            CHECK_EQ(errno, EINVAL);
            return NULL;
        }
        int id;
        CHECK_EQ(read_full(fd, &id, sizeof(id)), sizeof(id));
        id *= 2;
        CHECK_EQ(write(fd, &id, sizeof(id)), sizeof(id));
        __atomic_add_fetch(&served, 1, __ATOMIC_SEQ_CST);
        close(fd);
    }
}

static void *asks(void *arg)
{
    int id = (int)(long)arg, answer;
    int fd = connect_to(bound_port(server));
    CHECK_EQ(write(fd, &id, sizeof(id)), sizeof(id));
    CHECK_EQ(read_full(fd, &answer, sizeof(answer)), sizeof(answer));
    CHECK_EQ(answer, 2 * id);
    CHECK_EQ(read(fd, &answer, 1), 0);
    close(fd);
    return NULL;
}

int main(void)
{
    pthread_t acceptors[ACCEPTORS], clients[CLIENTS];
    server = listen_socket();
    for (long i = 0; i < ACCEPTORS; i++)
        acceptors[i] = start(accepts, (void *)i);
    for (long i = 0; i < CLIENTS; i++)
        clients[i] = start(asks, (void *)i);
    for (int i = 0; i < CLIENTS; i++)
        join(clients[i]);
    printf("served %d\n", served);
    CHECK_EQ(shutdown(server, SHUT_RD), 0);
    for (int i = 0; i < ACCEPTORS; i++)
        join(acceptors[i]);
    puts("all acceptors ended");
    return 0;
}
