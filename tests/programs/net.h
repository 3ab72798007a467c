/* Sockets on 127.0.0.1 and byte patterns, for the programs that do I/O. */
#ifndef TESTS_PROGRAMS_NET_H
#define TESTS_PROGRAMS_NET_H

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static inline struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline int bound_port(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

/* A socket of @type bound to a free port. */
static inline int bound_socket(int type)
{
    struct sockaddr_in address = loopback(0);
    int fd = socket(AF_INET, type, 0);
    CHECK(fd >= 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static inline int listen_socket(void)
{
    int fd = bound_socket(SOCK_STREAM);
    CHECK_EQ(listen(fd, 512), 0);
    return fd;
}

/* A blocking connection to @port. */
static inline int connect_to(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Reads until @size bytes or the end came; returns how many. */
static inline size_t read_full(int fd, void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, (char *)data + done, size - done);
        CHECK(got >= 0);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return done;
}

static inline unsigned char pattern_at(unsigned seed, size_t at)
{
    return (unsigned char)((at * 2654435761u + seed) >> 7);
}

static inline void fill_pattern(unsigned seed, unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = pattern_at(seed, i);
}

/* Checks @size bytes that stand at @offset of the stream filled with @seed. */
static inline void check_pattern(unsigned seed, const unsigned char *data, size_t size,
                                 size_t offset)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != pattern_at(seed, offset + i))
            CHECK_EQ(data[i], pattern_at(seed, offset + i));
}

#endif
