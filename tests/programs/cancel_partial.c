/* A write or writev that has moved a part and waits for room in a pipe: cancelled, its thread ends;
 * interrupted by a handler, the part is its result. */
#include "test.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#define BYTES    200000
#define CAPACITY 65536
#define BY_PARTS 3

static char data[BYTES];
static int ends[2];
static int way; /* 0: write; else writev of so many parts */

static void nothing(int signal)
{
    (void)signal;
}

static void *writes(void *unused)
{
    struct iovec parts[BY_PARTS];
    for (int i = 0; i < way; i++)
        parts[i] = (struct iovec){ data, BYTES / (size_t)way };
    (void)unused;
    return (void *)(way ? writev(ends[1], parts, way) : write(ends[1], data, BYTES));
}

static pthread_t start_and_fill(void)
{
    int held = 0;
    CHECK_EQ(pipe(ends), 0);
    pthread_t writer = start(writes, NULL);
    while (held < CAPACITY) {
        sleep_ms(1);
        CHECK_EQ(ioctl(ends[0], FIONREAD, &held), 0);
    }
    CHECK_EQ(held, CAPACITY);
    return writer;
}

static void close_both(void)
{
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    static const char *const names[] = { "write", "writev of one part", NULL, "writev of three" };
    struct sigaction action = { .sa_handler = nothing };
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    for (way = 0; way <= BY_PARTS; way++) {
        if (!names[way])
            continue;
        pthread_t writer = start_and_fill();
        CHECK_EQ(pthread_cancel(writer), 0);
        bool cancelled = join(writer) == PTHREAD_CANCELED;
        close_both();
        writer = start_and_fill();
        CHECK_EQ(pthread_kill(writer, SIGUSR1), 0);
        printf("%s: %s, %ld bytes\n", names[way], cancelled ? "cancelled" : "returned",
               (long)join(writer));
        close_both();
    }
    return 0;
}
