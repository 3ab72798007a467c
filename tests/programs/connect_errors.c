/* connect from many threads: refused, missing path, twice; and errno of bad calls. */
#include "net.h"

#include <sys/un.h>

static int port;

static void *is_refused(void *arg)
{
    struct sockaddr_in address = loopback(port);
    for (int i = 0; i < 20; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(fd >= 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
        CHECK_EQ(errno, ECONNREFUSED);
        close(fd);
    }
    return arg;
}

static void *misses_path(void *arg)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "no-such-socket" };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
    CHECK_EQ(errno, ENOENT);
    CHECK_EQ(recv(fd, arg, 1, 0), -1);
    CHECK_EQ(errno, EINVAL);
    close(fd);
    CHECK_EQ(recv(fd, arg, 1, 0), -1);
    CHECK_EQ(errno, EBADF);
    return NULL;
}

static void *connects_twice(void *arg)
{
    char byte;
    int server = listen_socket();
    struct sockaddr_in address = loopback(bound_port(server));
    int fd = connect_to(ntohs(address.sin_port));
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
    CHECK_EQ(errno, EISCONN);
    CHECK_EQ(accept(fd, NULL, NULL), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(recv(server, &byte, 1, 0), -1);
    CHECK_EQ(errno, ENOTCONN);
    CHECK_EQ(recv(0x7ffffff, &byte, 1, 0), -1);
    CHECK_EQ(errno, EBADF);
    CHECK_EQ(send(fd, (void *)8, 100, 0), -1);
    CHECK_EQ(errno, EFAULT);
    close(fd);
    close(server);
    return arg;
}

int main(void)
{
    pthread_t threads[8];
    char byte;
    int unused = bound_socket(SOCK_STREAM);
    port = bound_port(unused);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(is_refused, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("refused, all");
    join(start(misses_path, &byte));
    puts("no such path");
    join(start(connects_twice, NULL));
    puts("connected already");
    return 0;
}
