/* Out of descriptors: each call says so, a connection that can't be accepted stays in the queue, and all
 * goes on once there are some again. */
#include "net.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#define LIMIT 256

static int port;

static void *calls(void *arg)
{
    int fd = (int)(long)arg;
    char byte = 'x';
    CHECK_EQ(write(fd, &byte, 1), 1);
    CHECK_EQ(read(fd, &byte, 1), 1);
    return NULL;
}

static int fill(int *fds)
{
    int count = 0, fd;
    while ((fd = dup(0)) >= 0)
        fds[count++] = fd;
    CHECK_EQ(errno, EMFILE);
    return count;
}

static void refused(long result)
{
    CHECK_EQ(result, -1);
    CHECK_EQ(errno, EMFILE);
}

int main(void)
{
    struct rlimit limit;
    int fds[LIMIT], pair[2];
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = LIMIT;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int server = listen_socket();
    port = bound_port(server);
    int client = connect_to(port);
    pthread_t caller = start(calls, (void *)(long)client);
    for (int round = 0; round < 3; round++) {
        int count = fill(fds);
        refused(accept(server, NULL, NULL));
        refused(socket(AF_INET, SOCK_STREAM, 0));
        refused(pipe(pair));
        refused(eventfd(0, 0));
        refused(epoll_create1(0));
        refused(open("/dev/null", O_RDONLY));
        refused(fcntl(0, F_DUPFD, 0));
        for (int i = 0; i < count; i++)
            CHECK_EQ(close(fds[i]), 0);
    }
    int fd = accept(server, NULL, NULL);
    CHECK(fd >= 0);
    calls((void *)(long)fd);
    join(caller);
    puts("EMFILE, then served");
    return 0;
}
