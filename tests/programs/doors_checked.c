/* The names that fortified programs call, by name: what they do, and that too small a buffer ends
 * the process. */
#include "gates.h"

#include "net.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

ssize_t __read_chk(int fd, void *buffer, size_t bytes, size_t room);
ssize_t __pread_chk(int fd, void *buffer, size_t bytes, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *buffer, size_t bytes, off_t offset, size_t room);
ssize_t __recv_chk(int fd, void *buffer, size_t bytes, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buffer, size_t bytes, size_t room, int flags,
                       struct sockaddr *address, socklen_t *length);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t room);

static int pair[2], sockets[2];
static FILE *file;
static char got[8];
static struct pollfd waits[2];
static volatile size_t small = 1;

static void write_one(long fd)
{
    CHECK_EQ(write((int)fd, "x", 1), 1);
}

static void reads(void)
{
    WAITS_FOR(write_one, pair[1], 1, __read_chk(pair[0], got, 8, 8));
    CHECK_EQ(__pread_chk(fileno(file), got, 2, 1, 8), 2);
    CHECK(memcmp(got, "bc", 2) == 0);
    CHECK_EQ(__pread64_chk(fileno(file), got, 2, 3, 8), 2);
    CHECK(memcmp(got, "de", 2) == 0);
    CHECK_EQ(__read_chk(-1, got, 8, 8), -1);
    CHECK_EQ(errno, EBADF);
    CHECK_EQ(__pread64_chk(pair[0], got, 8, 0, 8), -1);
    CHECK_EQ(errno, ESPIPE);
}

static void receives(void)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof(from);
    WAITS_FOR(write_one, sockets[1], 1, __recv_chk(sockets[0], got, 8, 8, 0));
    WAITS_FOR(write_one, sockets[1], 1,
              __recvfrom_chk(sockets[0], got, 8, 8, 0, (struct sockaddr *)&from, &length));
    CHECK_EQ(__recv_chk(sockets[0], got, 8, 8, MSG_DONTWAIT), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(__recvfrom_chk(pair[0], got, 8, 8, 0, NULL, NULL), -1);
    CHECK_EQ(errno, ENOTSOCK);
}

static void polls(void)
{
    struct timespec zero = { 0, 0 };
    waits[0] = waits[1] = (struct pollfd){ pair[0], POLLIN, 0 };
    CHECK_EQ(__poll_chk(waits, 2, 1, sizeof(waits)), 0);
    CHECK_EQ(__ppoll_chk(waits, 2, &zero, NULL, sizeof(waits)), 0);
    WAITS_FOR(write_one, pair[1], 2, __poll_chk(waits, 2, -1, sizeof(waits)));
    CHECK_EQ(read(pair[0], got, 8), 1);
    WAITS_FOR(write_one, pair[1], 2, __ppoll_chk(waits, 2, NULL, NULL, sizeof(waits)));
    CHECK_EQ(read(pair[0], got, 8), 1);
}

static void overflow(int which)
{
    switch (which) {
    case 0:
        __read_chk(pair[0], got, 8, small);
        break;
    case 1:
        __pread_chk(fileno(file), got, 8, 0, small);
        break;
    case 2:
        __pread64_chk(fileno(file), got, 8, 0, small);
        break;
    case 3:
        __recv_chk(sockets[0], got, 8, small, 0);
        break;
    case 4:
        __recvfrom_chk(sockets[0], got, 8, small, 0, NULL, NULL);
        break;
    case 5:
        __poll_chk(waits, 2, 0, small);
        break;
    default:
        __ppoll_chk(waits, 2, NULL, NULL, small);
    }
    _exit(1);
}

static void *overflows(void *arg)
{
    overflow((int)(long)arg);
    return NULL;
}

/* From a child's second thread, with stderr closed: libc writes a message there. */
static void ends(void)
{
    for (long which = 0; which < 7; which++) {
        int status;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
            close(2);
            join(start(overflows, (void *)which));
        }
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK(WIFSIGNALED(status));
        CHECK_EQ(WTERMSIG(status), SIGABRT);
    }
}

int main(void)
{
    const struct gate_test tests[] = {
        { "__read_chk, __pread_chk, __pread64_chk", reads },
        { "__recv_chk, __recvfrom_chk", receives },
        { "__poll_chk, __ppoll_chk", polls },
        { "overflows", ends },
    };
    CHECK_EQ(pipe(pair), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    CHECK((file = tmpfile()));
    CHECK_EQ(pwrite(fileno(file), "abcdef", 6, 0), 6);
    run_gates(tests, COUNT(tests));
    return 0;
}
