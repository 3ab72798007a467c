/* Names that few programs call: fcntl64, dup3, wait3, epoll_pwait, pread64, close_range, the kin of the
 * usual ones. */
#include "gates.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

int fcntl64(int fd, int command, ...);

static int pair[2];

static void write_one(long fd)
{
    CHECK_EQ(write((int)fd, "x", 1), 1);
}

static void unlock(long fd)
{
    struct flock none = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
    CHECK_EQ(fcntl64((int)fd, F_OFD_SETLK, &none), 0);
}

static void commands(void)
{
    struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char byte;
    CHECK_EQ(fcntl64(pair[0], F_SETFL, O_NONBLOCK), 0);
    CHECK_EQ(read(pair[0], &byte, 1), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(fcntl64(pair[0], F_SETFL, 0), 0);
    WAITS_FOR(write_one, pair[1], 1, read(pair[0], &byte, 1));
    int one = open("lock", O_RDWR | O_CREAT, 0600), two = open("lock", O_RDWR);
    CHECK(one >= 0 && two >= 0);
    CHECK_EQ(fcntl64(one, F_OFD_SETLK, &all), 0);
    WAITS_FOR(unlock, one, 0, fcntl64(two, F_OFD_SETLKW, &all));
    CHECK_EQ(fcntl64(-1, F_GETFL), -1);
    CHECK_EQ(errno, EBADF);
    close(one);
    close(two);
    CHECK_EQ(unlink("lock"), 0);
}

static void copies(void)
{
    char byte;
    CHECK_EQ(dup3(pair[0], 100, O_CLOEXEC), 100);
    CHECK_EQ(fcntl(100, F_GETFD), FD_CLOEXEC);
    WAITS_FOR(write_one, pair[1], 1, read(100, &byte, 1));
    CHECK_EQ(dup3(pair[0], pair[0], 0), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(close(100), 0);
}

static void end(long child)
{
    CHECK_EQ(kill((pid_t)child, SIGTERM), 0);
}

static void children(void)
{
    int status;
    struct rusage usage;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        for (;;)
            pause();
    CHECK_EQ(wait3(&status, WNOHANG, NULL), 0);
    WAITS_FOR(end, child, child, wait3(&status, 0, &usage));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK_EQ(wait3(&status, 0, NULL), -1);
    CHECK_EQ(errno, ECHILD);
}

static volatile int handled;

static void handler(int signal)
{
    handled = signal;
}

static void events(void)
{
    struct epoll_event event = { .events = EPOLLIN }, got;
    struct sigaction action = { .sa_handler = handler };
    sigset_t none, usr1;
    char byte;
    int fd = epoll_create1(0);
    CHECK(fd >= 0);
    CHECK_EQ(epoll_ctl(fd, EPOLL_CTL_ADD, pair[0], &event), 0);
    WAITS_FOR(write_one, pair[1], 1, epoll_pwait(fd, &got, 1, -1, NULL));
    CHECK_EQ(read(pair[0], &byte, 1), 1);
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0);
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQ(handled, 0);
    CHECK_EQ(epoll_pwait(fd, &got, 1, -1, &none), -1);
    CHECK(errno == EINTR && handled == SIGUSR1);
    CHECK_EQ(epoll_pwait(-1, &got, 1, -1, &none), -1);
    CHECK_EQ(errno, EBADF);
    close(fd);
}

static void positions(void)
{
    char data[4];
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(pwrite64(fd, "abcdef", 6, 2), 6);
    CHECK_EQ(pread64(fd, data, 4, 3), 4);
    CHECK(memcmp(data, "bcde", 4) == 0);
    CHECK_EQ(pread64(fd, data, 4, 8), 0);
    CHECK_EQ(pread64(fd, data, 4, -1), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(pread64(pair[0], data, 1, 0), -1);
    CHECK_EQ(errno, ESPIPE);
    close(fd);
    CHECK_EQ(unlink("file"), 0);
}

static void ranges(void)
{
    CHECK_EQ(dup2(pair[0], 200), 200);
    CHECK_EQ(dup2(pair[0], 202), 202);
    CHECK_EQ(close_range(200, 201, 0), 0);
    CHECK_EQ(fcntl(200, F_GETFD), -1);
    CHECK_EQ(fcntl(202, F_GETFD), 0);
    CHECK_EQ(close_range(202, 202, CLOSE_RANGE_CLOEXEC), 0);
    CHECK_EQ(fcntl(202, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(close_range(203, 202, 0), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(close(202), 0);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "fcntl64", commands },   { "dup3", copies },       { "wait3", children },
        { "epoll_pwait", events }, { "pread64", positions }, { "close_range", ranges },
    };
    CHECK_EQ(pipe(pair), 0);
    run_gates(tests, COUNT(tests));
    return 0;
}
