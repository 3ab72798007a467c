/* The fortified and 64-bit names of blocking calls: __read_chk, __recv_chk, __recvfrom_chk,
 * __poll_chk, __ppoll_chk, __fgets_chk, __longjmp_chk, pread64... Built with _FORTIFY_SOURCE=2. */
#include "net.h"

#include <poll.h>
#include <setjmp.h>
#include <sys/select.h>
#include <sys/uio.h>

static int ends[2], sockets[2];
/* The compiler may not know the sizes, or it would call the plain names. */
static volatile size_t one = 1, two = 2, zero;

static void *writes_later(void *arg)
{
    const char *text = arg;
    for (; *text; text++) {
        usleep(1500);
        if (*text == 'p')
            CHECK_EQ(write(ends[1], "p\n", 2), 2);
        else
            CHECK_EQ(send(sockets[1], text, 1, 0), 1);
    }
    return NULL;
}

static void *blocks(void *arg)
{
    char buffer[8] = "", line[8] = "";
    struct pollfd waits[2] = { { ends[0], POLLIN, 0 }, { sockets[0], POLLIN, 0 } };
    struct timespec span = span_ms(50000);
    FILE *file = fdopen(dup(ends[0]), "r");
    fd_set set;
    jmp_buf back;
    pthread_t writer = start(writes_later, "pssssp");
    CHECK(file);
    CHECK(poll(waits, two, 50000) > 0);
    CHECK_EQ(read(ends[0], buffer, two), 2);
    CHECK_EQ(recv(sockets[0], buffer, one, 0), 1);
    CHECK_EQ(recvfrom(sockets[0], buffer, one, 0, NULL, NULL), 1);
    CHECK(ppoll(waits, two, &span, NULL) > 0);
    FD_ZERO(&set);
    FD_SET(sockets[0] + (int)zero, &set);
    CHECK_EQ(select(sockets[0] + 1, &set, NULL, NULL, NULL), 1);
    CHECK(FD_ISSET(sockets[0] + (int)zero, &set));
    CHECK_EQ(recv(sockets[0], buffer, one, MSG_WAITALL), 1);
    CHECK_EQ(read(sockets[0], buffer, one), 1);
    CHECK(fgets(line, (int)(two + 2), file) && strcmp(line, "p\n") == 0);
    join(writer);
    if (setjmp(back) == 0)
        longjmp(back, (int)one);
    fclose(file);
    return arg;
}

static void *large_files(void *arg)
{
    char buffer[8] = "";
    FILE *file = tmpfile64();
    CHECK(file);
    int fd = fileno(file);
    struct iovec part = { buffer, 4 };
    CHECK_EQ(pwrite64(fd, "abcdefgh", 8, 100), 8);
    CHECK_EQ(pread64(fd, buffer, two, 102), 2);
    CHECK(memcmp(buffer, "cd", 2) == 0);
    CHECK_EQ(preadv64(fd, &part, 1, 104), 4);
    CHECK(memcmp(buffer, "efgh", 4) == 0);
    CHECK_EQ(pwritev64(fd, &part, 1, 0), 4);
    CHECK_EQ(lseek64(fd, 0, SEEK_END), 108);
    fclose(file);
    return arg;
}

int main(void)
{
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    join(start(blocks, NULL));
    puts("fortified");
    join(start(large_files, NULL));
    puts("64 bits");
    return 0;
}
