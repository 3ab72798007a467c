/* A pseudo-terminal between threads: lines, what a read without lines waits for, draining, a window's
 * size, the end of the other side. */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;

static void *types(void *arg)
{
    const char *text = arg;
    for (; *text; text++) {
        sleep_ms(5);
        CHECK_EQ(write(master, text, 1), 1);
    }
    return NULL;
}

static void *swallows(void *arg)
{
    char data[256];
    long total = 0, wanted = (long)arg;
    while (total < wanted) {
        sleep_ms(2);
        ssize_t got = read(master, data, sizeof(data));
        CHECK(got > 0);
        total += got;
    }
    return (void *)total;
}

static void open_terminal(void)
{
    struct termios settings;
    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0) {
        puts("no pseudo-terminals here");
        exit(77);
    }
    CHECK_EQ(grantpt(master), 0);
    CHECK_EQ(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(slave >= 0);
    CHECK_EQ(tcgetattr(slave, &settings), 0);
    settings.c_lflag &= ~(tcflag_t)ECHO;
    settings.c_oflag = 0;
    CHECK_EQ(tcsetattr(slave, TCSANOW, &settings), 0);
}

static void lines(void)
{
    char data[64];
    pthread_t typist = start(types, "hello\nab\177c\nlast\4");
    CHECK_EQ(read(slave, data, sizeof(data)), 6);
    CHECK(memcmp(data, "hello\n", 6) == 0);
    CHECK_EQ(read(slave, data, sizeof(data)), 3); /* one character was erased */
    CHECK(memcmp(data, "ac\n", 3) == 0);
    CHECK_EQ(read(slave, data, sizeof(data)), 4);
    CHECK(memcmp(data, "last", 4) == 0);
    join(typist);
    puts("lines");
}

static void raw(void)
{
    struct termios settings, old;
    char data[64];
    size_t got = 0;
    CHECK_EQ(tcgetattr(slave, &old), 0);
    settings = old;
    cfmakeraw(&settings);
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    CHECK_EQ(tcsetattr(slave, TCSANOW, &settings), 0);
    pthread_t typist = start(types, "raw\4x");
    while (got < 5) {
        ssize_t more = read(slave, data + got, sizeof(data) - got);
        CHECK(more > 0);
        got += (size_t)more;
    }
    CHECK(memcmp(data, "raw\4x", 5) == 0);
    join(typist);
    settings.c_cc[VMIN] = 0;
    settings.c_cc[VTIME] = 1;
    CHECK_EQ(tcsetattr(slave, TCSANOW, &settings), 0);
    int64_t begin = now_ms();
    CHECK_EQ(read(slave, data, 1), 0); /* nobody types for a tenth of a second */
    CHECK(now_ms() - begin >= 90);
    CHECK_EQ(tcsetattr(slave, TCSANOW, &old), 0);
    puts("raw");
}

static void output(void)
{
    static char data[20000];
    memset(data, 'o', sizeof(data));
    pthread_t reader = start(swallows, (void *)sizeof(data));
    for (size_t done = 0; done < sizeof(data);) {
        ssize_t put = write(slave, data + done, sizeof(data) - done);
        CHECK(put > 0);
        done += (size_t)put;
    }
    CHECK_EQ(tcdrain(slave), 0);
    CHECK_EQ((long)join(reader), (long)sizeof(data));
    puts("output and drained");
}

static void *all(void *arg)
{
    struct winsize size = { .ws_row = 33, .ws_col = 99 }, got;
    char byte;
    lines();
    raw();
    output();
    CHECK_EQ(ioctl(master, TIOCSWINSZ, &size), 0);
    CHECK_EQ(ioctl(slave, TIOCGWINSZ, &got), 0);
    CHECK(got.ws_row == 33 && got.ws_col == 99);
    CHECK_EQ(isatty(slave), 1);
    close(slave);
    CHECK_EQ(read(master, &byte, 1), -1);
    CHECK_EQ(errno, EIO);
    struct pollfd one = { .fd = master, .events = POLLIN };
    CHECK_EQ(poll(&one, 1, -1), 1);
    CHECK(one.revents & POLLHUP);
    puts("hung up");
    return arg;
}

int main(void)
{
    open_terminal();
    join(start(all, NULL));
    return 0;
}
