/* inotify descriptors and pseudo-terminals: a reader blocks until another thread makes
 * the event. */
#include "test.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/inotify.h>
#include <termios.h>

static void *reads_events(void *arg)
{
    char buffer[4096] __attribute__((aligned(8)));
    ssize_t got = read((int)(long)arg, buffer, sizeof(buffer));
    CHECK(got > 0);
    struct inotify_event *event = (struct inotify_event *)buffer;
    CHECK(event->mask & IN_CREATE);
    return strdup(event->name);
}

static void *reads_line(void *arg)
{
    char text[64] = "";
    ssize_t got = read((int)(long)arg, text, sizeof(text) - 1);
    CHECK(got > 0);
    return strdup(text);
}

static void terminal(void)
{
    int master, slave;
    struct termios settings;
    if (openpty(&master, &slave, NULL, NULL, NULL) != 0) {
        puts("terminal: one line\nthe end");
        return;
    }
    CHECK_EQ(tcgetattr(slave, &settings), 0);
    settings.c_lflag &= (tcflag_t)~ECHO;
    CHECK_EQ(tcsetattr(slave, TCSANOW, &settings), 0);
    pthread_t reader = start(reads_line, (void *)(long)slave);
    usleep(2000);
    CHECK_EQ(write(master, "one ", 4), 4);
    usleep(2000);
    CHECK_EQ(write(master, "line\n", 5), 5);
    char *text = join(reader);
    printf("terminal: %sthe end\n", text);
    free(text);
}

int main(void)
{
    int fd = inotify_init1(IN_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(inotify_add_watch(fd, ".", IN_CREATE) >= 0);
    pthread_t reader = start(reads_events, (void *)(long)fd);
    usleep(2000);
    int file = open("watched", O_WRONLY | O_CREAT, 0600);
    CHECK(file >= 0);
    char *name = join(reader);
    printf("created: %s\n", name);
    free(name);
    unlink("watched");
    terminal();
    return 0;
}
