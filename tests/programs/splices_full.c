/* A splice that waits for its socket holds up neither end of its pipe for good: other threads write to
 * the pipe, or read from it, and a third one ends the wait. */
#include "net.h"

#include <fcntl.h>

#define SIZE (1 << 20)

static unsigned char data[SIZE];

static void *splices(void *ends)
{
    const int *fd = ends;
    ssize_t moved;
    long total = 0;
    while ((moved = splice(fd[0], NULL, fd[1], NULL, SIZE, SPLICE_F_MOVE)) > 0)
        total += moved;
    CHECK_EQ(moved, 0);
    close(fd[1]);
    return (void *)total;
}

static void *writes(void *end)
{
    int fd = (int)(long)end;
    for (size_t done = 0; done < SIZE; done += 1 << 14)
        CHECK_EQ(write(fd, data + done, 1 << 14), 1 << 14);
    close(fd);
    return NULL;
}

static void *reads(void *end)
{
    unsigned char *got = malloc(SIZE);
    CHECK(got);
    CHECK_EQ(read_full((int)(long)end, got, SIZE), SIZE);
    check_pattern(9, got, SIZE, 0);
    free(got);
    return NULL;
}

static void to_socket(void)
{
    int from[2], to[2];
    CHECK_EQ(pipe(from), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, to), 0);
    int ends[2] = { from[0], to[1] };
    pthread_t splicer = start(splices, ends), writer = start(writes, (void *)(long)from[1]);
    usleep(20000);
    reads((void *)(long)to[0]);
    join(writer);
    CHECK_EQ(join(splicer), SIZE);
    puts("to a full socket");
}

static void from_socket(void)
{
    int from[2], to[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, from), 0);
    CHECK_EQ(pipe(to), 0);
    int ends[2] = { from[0], to[1] };
    pthread_t splicer = start(splices, ends), reader = start(reads, (void *)(long)to[0]);
    usleep(20000);
    writes((void *)(long)from[1]);
    CHECK_EQ(join(splicer), SIZE);
    join(reader);
    puts("from an empty one");
}

static void gives_up(void)
{
    int from[2], to[2];
    struct timeval limit = { .tv_usec = 20000 };
    CHECK_EQ(pipe(from), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, to), 0);
    CHECK_EQ(write(from[1], data, 100), 100);
    CHECK_EQ(splice(from[0], NULL, to[1], NULL, 40, 0), 40);
    CHECK_EQ(splice(from[0], NULL, to[1], NULL, SIZE, 0), 60);
    CHECK_EQ(splice(from[0], NULL, to[1], NULL, SIZE, SPLICE_F_NONBLOCK), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(setsockopt(to[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    CHECK_EQ(splice(to[1], NULL, from[1], NULL, SIZE, 0), -1);
    CHECK_EQ(errno, EAGAIN);
    close(from[1]);
    CHECK_EQ(splice(from[0], NULL, to[1], NULL, SIZE, 0), 0);
    puts("short, none, timed out, ended");
}

int main(void)
{
    fill_pattern(9, data, SIZE);
    to_socket();
    from_socket();
    gives_up();
    return 0;
}
