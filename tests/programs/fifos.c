/* Opening a FIFO blocks until the other side opens it: between threads of one process. */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

#define PAIRS 5

static void *writes(void *arg)
{
    int fd = open(arg, O_WRONLY);
    CHECK(fd >= 0);
    CHECK(dprintf(fd, "through %s", (char *)arg) > 0);
    close(fd);
    return NULL;
}

static void *reads(void *arg)
{
    char text[64] = "";
    int fd = open(arg, O_RDONLY);
    CHECK(fd >= 0);
    ssize_t got, total = 0;
    while ((got = read(fd, text + total, sizeof(text) - 1 - (size_t)total)) > 0)
        total += got;
    CHECK_EQ(got, 0);
    close(fd);
    return strdup(text);
}

int main(void)
{
    pthread_t readers[PAIRS], writers[PAIRS];
    char names[PAIRS][16];
    for (int i = 0; i < PAIRS; i++) {
        snprintf(names[i], sizeof(names[i]), "fifo-%d", i);
        CHECK_EQ(mkfifo(names[i], 0600), 0);
        CHECK_EQ(open(names[i], O_WRONLY | O_NONBLOCK), -1);
        CHECK_EQ(errno, ENXIO);
        readers[i] = start(reads, names[i]);
    }
    usleep(2000);
    for (int i = 0; i < PAIRS; i++)
        writers[i] = start(writes, names[i]);
    for (int i = 0; i < PAIRS; i++) {
        join(writers[i]);
        char *text = join(readers[i]);
        puts(text);
        free(text);
        unlink(names[i]);
    }
    return 0;
}
