/* readv and writev on pipes, preadv, pwritev and their variants on a file, from many threads. */
#include "net.h"

#include <sys/mman.h>
#include <sys/uio.h>

#define THREADS 8
#define SIZE    100000

static int file;

static void *copies(void *arg)
{
    unsigned seed = (unsigned)(long)arg;
    unsigned char out[1000], in[1000], *base;
    struct iovec parts[4] = { { out, 1 }, { NULL, 0 }, { out + 1, 500 }, { out + 501, 499 } };
    off_t at = (off_t)seed * 1000;
    fill_pattern(seed, out, sizeof(out));
    CHECK_EQ(pwritev(file, parts, 4, at), 1000);
    base = in;
    parts[0].iov_base = base;
    parts[2].iov_base = base + 1;
    parts[3].iov_base = base + 501;
    CHECK_EQ(preadv(file, parts, 4, at), 1000);
    check_pattern(seed, in, sizeof(in), 0);
    memset(in, 0, sizeof(in));
    CHECK_EQ(preadv2(file, parts, 4, at, 0), 1000);
    check_pattern(seed, in, sizeof(in), 0);
    CHECK_EQ(pread(file, in, 100, at + 900), 100);
    check_pattern(seed, in, 100, 900);
    CHECK_EQ(pwrite(file, out + 900, 100, at + 900), 100);
    return NULL;
}

static void *writes_parts(void *arg)
{
    static unsigned char data[SIZE];
    struct iovec parts[100];
    fill_pattern(5, data, SIZE);
    for (int i = 0; i < 100; i++)
        parts[i] = (struct iovec){ data + i * (SIZE / 100), SIZE / 100 };
    CHECK_EQ(writev((int)(long)arg, parts, 100), SIZE);
    close((int)(long)arg);
    return NULL;
}

static void pipes(void)
{
    static unsigned char data[SIZE];
    int ends[2];
    size_t total = 0;
    ssize_t got;
    CHECK_EQ(pipe(ends), 0);
    pthread_t writer = start(writes_parts, (void *)(long)ends[1]);
    do {
        unsigned char *at = data + total;
        size_t left = SIZE - total;
        struct iovec parts[2] = { { at, left / 3 }, { at + left / 3, left - left / 3 } };
        got = readv(ends[0], parts, 2);
        CHECK(got >= 0);
        total += (size_t)got;
    } while (got > 0 && total < SIZE);
    join(writer);
    CHECK_EQ(total, SIZE);
    check_pattern(5, data, SIZE, 0);
    CHECK_EQ(pread(ends[0], data, 1, 0), -1);
    CHECK_EQ(errno, ESPIPE);
    struct iovec bad = { data, (size_t)-1 };
    CHECK_EQ(readv(ends[0], &bad, 1), -1);
    CHECK_EQ(errno, EINVAL);
    printf("through a pipe: %zu bytes\n", total);
}

int main(void)
{
    pthread_t threads[THREADS];
    file = memfd_create("vectors", MFD_CLOEXEC);
    CHECK(file >= 0);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(copies, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("file: %ld bytes\n", (long)lseek(file, 0, SEEK_END));
    pipes();
    return 0;
}
