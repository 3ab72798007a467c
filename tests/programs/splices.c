/* splice, tee, vmsplice, sendfile and copy_file_range that block beside other threads. */
#include "net.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define SIZE (1 << 20)

static unsigned char data[SIZE];

static void *reads_socket(void *arg)
{
    unsigned char *got = malloc(SIZE);
    CHECK(got);
    CHECK_EQ(read_full((int)(long)arg, got, SIZE), SIZE);
    check_pattern(9, got, SIZE, 0);
    free(got);
    return NULL;
}

static void *writes_pipe(void *arg)
{
    usleep(2000);
    CHECK_EQ(write((int)(long)arg, data, SIZE), SIZE);
    close((int)(long)arg);
    return NULL;
}

static int filled_file(void)
{
    int fd = memfd_create("splices", 0);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, data, SIZE), SIZE);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void send_file(void)
{
    int ends[2], file = filled_file();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pthread_t reader = start(reads_socket, (void *)(long)ends[0]);
    size_t left = SIZE;
    while (left > 0) {
        ssize_t sent = sendfile(ends[1], file, NULL, left);
        CHECK(sent > 0);
        left -= (size_t)sent;
    }
    join(reader);
    int copy = memfd_create("copy", 0);
    off_t from = 0;
    CHECK_EQ(copy_file_range(file, &from, copy, NULL, 1000, 0), 1000);
    puts("sendfile");
}

static void splice_pipe(void)
{
    int from[2], to[2];
    CHECK_EQ(pipe(from), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, to), 0);
    pthread_t writer = start(writes_pipe, (void *)(long)from[1]);
    pthread_t reader = start(reads_socket, (void *)(long)to[0]);
    ssize_t moved;
    long total = 0;
    while ((moved = splice(from[0], NULL, to[1], NULL, SIZE, SPLICE_F_MOVE)) > 0)
        total += moved;
    CHECK_EQ(moved, 0);
    join(writer);
    join(reader);
    printf("splice: %ld bytes\n", total);
}

static void tee_pipe(void)
{
    int one[2], two[2];
    char text[8];
    struct iovec part = { "vmsplice", 8 };
    CHECK_EQ(pipe(one), 0);
    CHECK_EQ(pipe(two), 0);
    CHECK_EQ(vmsplice(one[1], &part, 1, 0), 8);
    CHECK_EQ(tee(one[0], two[1], 8, 0), 8);
    CHECK_EQ(read(one[0], text, 8), 8);
    CHECK_EQ(read(two[0], text, 8), 8);
    CHECK(memcmp(text, "vmsplice", 8) == 0);
    CHECK_EQ(splice(one[0], NULL, two[1], NULL, 8, SPLICE_F_NONBLOCK), -1);
    CHECK_EQ(errno, EAGAIN);
    puts("vmsplice and tee");
}

static void *all(void *arg)
{
    send_file();
    splice_pipe();
    tee_pipe();
    return arg;
}

int main(void)
{
    fill_pattern(9, data, SIZE);
    join(start(all, NULL));
    return 0;
}
